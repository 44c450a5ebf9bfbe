"""The edit of `imagePullSecrets`, whatever others have put there."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steward.pullsecrets.service_accounts import names_pull_secret, with_pull_secrets

OURS = ("one", "two", "three")
entries = st.one_of(
    st.builds(lambda name: {"name": name}, st.sampled_from((*OURS, "x", "y"))),
    st.just({}),
    st.builds(lambda name: {"name": name, "future": True}, st.sampled_from(("x", "y"))),
)
lists = st.lists(entries, max_size=6)
accounts = st.one_of(
    st.builds(lambda listed: {"metadata": {"name": "default"}, "imagePullSecrets": listed}, lists | st.none()),
    st.just({"metadata": {"name": "default"}, "automountServiceAccountToken": False}),
)
some = st.sets(st.sampled_from(OURS)).map(sorted)


def listed(account: dict[str, Any] | None) -> list[dict[str, Any]]:
    return (account or {}).get("imagePullSecrets") or []


@given(accounts, some, some)
def test_foreign_entries_survive_in_their_order(account: dict[str, Any], add: list[str], remove: list[str]) -> None:
    edited = with_pull_secrets(account, add, remove)
    if edited is not None:
        untouched = [entry for entry in listed(account) if entry.get("name") not in {*add, *remove}]
        assert [entry for entry in listed(edited) if entry.get("name") not in {*add, *remove}] == untouched


@given(accounts, some, some)
def test_afterwards_it_names_what_it_should_and_a_second_edit_changes_nothing(
    account: dict[str, Any], add: list[str], remove: list[str]
) -> None:
    edited = with_pull_secrets(account, add, remove) or account
    assert all(names_pull_secret(edited, name) for name in add)
    assert not any(names_pull_secret(edited, name) for name in set(remove) - set(add))
    assert with_pull_secrets(edited, add, remove) is None


@given(accounts, some, some)
def test_nothing_but_the_list_changes(account: dict[str, Any], add: list[str], remove: list[str]) -> None:
    edited = with_pull_secrets(account, add, remove) or account
    rest = {key: value for key, value in account.items() if key != "imagePullSecrets"}
    assert {key: value for key, value in edited.items() if key != "imagePullSecrets"} == rest


def test_new_entries_come_last_and_once() -> None:
    account = {"imagePullSecrets": [{"name": "x"}, {"name": "one"}, {"name": "x"}]}
    edited = with_pull_secrets(account, ["one", "two"], [])
    assert listed(edited) == [{"name": "x"}, {"name": "one"}, {"name": "x"}, {"name": "two"}]
