"""What Go's encoding/json says about a document, byte for byte, since Secret validation passes it on to the user.

Source: the scanner of Go's `encoding/json` (messages and the byte they complain about).
"""

import json
import re
from typing import NoReturn

_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_SPACE = re.compile(rb"[ \t\r\n]*")
_HEX = b"0123456789abcdefABCDEF"
_DIGITS = b"0123456789"
_END = "unexpected end of JSON input"


class GoJsonError(ValueError):
    """The document that Go would refuse, with Go's message."""


def check_object(document: bytes) -> None:
    """Raise GoJsonError unless Go would read `document` into a `map[string]interface{}` (null counts as one)."""
    if _is_plain_object(document):
        return
    _Scanner(document).document()
    kind = _KINDS.get(document.lstrip(b" \t\r\n")[:1], "number")
    if kind not in {"object", "null"}:
        raise GoJsonError(f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")


_KINDS = {b"{": "object", b"[": "array", b'"': "string", b"t": "bool", b"f": "bool", b"n": "null"}


def _is_plain_object(document: bytes) -> bool:
    """The quick answer for good documents; Python's parser is laxer than Go's only with NaN and Infinity."""
    try:
        return isinstance(json.loads(document.decode(errors="replace"), parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


class _Scanner:
    """A recursive reading of one document that stops where Go stops."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def document(self) -> None:
        self._value()
        self._skip_space()
        if self.at < len(self.data):
            self._fail("after top-level value")

    def _skip_space(self) -> None:
        match = _SPACE.match(self.data, self.at)
        self.at = match.end() if match else self.at

    def _peek(self) -> bytes:
        if self.at >= len(self.data):
            raise GoJsonError(_END)
        return self.data[self.at : self.at + 1]

    def _fail(self, context: str) -> NoReturn:
        raise GoJsonError(f"invalid character {_quote(self._peek())} {context}")

    def _value(self) -> None:
        self._skip_space()
        match self._peek():
            case b"{":
                self._object()
            case b"[":
                self._array()
            case b'"':
                self._string()
            case b"t" | b"f" | b"n":
                self._literal({b"t": b"true", b"f": b"false", b"n": b"null"}[self._peek()])
            case first if first == b"-" or first in _DIGITS:
                self._number()
            case _:
                self._fail("looking for beginning of value")

    def _literal(self, word: bytes) -> None:
        for expected in word:
            if self._peek()[0] != expected:
                self._fail(f"in literal {word.decode()} (expecting {_quote(bytes([expected]))})")
            self.at += 1

    def _string(self) -> None:
        self.at += 1
        while True:
            match = _PLAIN.match(self.data, self.at)
            self.at = match.end() if match else self.at
            match self._peek():
                case b'"':
                    self.at += 1
                    return
                case b"\\":
                    self._escape()
                case _:
                    self._fail("in string literal")

    def _escape(self) -> None:
        self.at += 1
        if self._peek() not in b'bfnrt\\/"u':
            self._fail("in string escape code")
        unicode = self._peek() == b"u"
        self.at += 1
        for _ in range(4 if unicode else 0):
            if self._peek() not in _HEX:
                self._fail("in \\u hexadecimal character escape")
            self.at += 1

    def _number(self) -> None:
        match = _NUMBER.match(self.data, self.at)
        if match is None:
            self.at += 1
            self._fail("in numeric literal")
        self.at = match.end()
        following = self.data[self.at : self.at + 1]
        if following == b"." and b"." not in match.group() and b"e" not in match.group().lower():
            self.at += 1
            self._fail("after decimal point in numeric literal")
        if following in (b"e", b"E") and b"e" not in match.group().lower():
            self.at += 2 if self.data[self.at + 1 : self.at + 2] in (b"+", b"-") else 1
            self._fail("in exponent of numeric literal")

    def _object(self) -> None:
        self.at += 1
        self._skip_space()
        if self._peek() == b"}":
            self.at += 1
            return
        while True:
            self._skip_space()
            if self._peek() != b'"':
                self._fail("looking for beginning of object key string")
            self._string()
            self._skip_space()
            if self._peek() != b":":
                self._fail("after object key")
            self.at += 1
            self._value()
            if self._closed(b"}", "after object key:value pair"):
                return

    def _array(self) -> None:
        self.at += 1
        self._skip_space()
        if self._peek() == b"]":
            self.at += 1
            return
        while True:
            self._value()
            if self._closed(b"]", "after array element"):
                return

    def _closed(self, bracket: bytes, context: str) -> bool:
        self._skip_space()
        if self._peek() not in (bracket, b","):
            self._fail(context)
        closed = self._peek() == bracket
        self.at += 1
        return closed


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}


def _quote(character: bytes) -> str:
    """The byte as Go prints it: a rune of the same number, in single quotes."""
    text = character.decode("latin-1")
    if text == "'":
        return "'\\''"
    if text in _ESCAPES:
        return f"'{_ESCAPES[text]}'"
    if text.isprintable():
        return f"'{text}'"
    return f"'\\x{ord(text):02x}'" if ord(text) < 0x80 else f"'\\u{ord(text):04x}'"
