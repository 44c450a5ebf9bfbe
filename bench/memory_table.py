"""The DynamoDB table in memory: its time is no part of the figures, its calls are counted for themselves."""

from typing import Any, Self

Item = dict[str, Any]


class MemoryTable:
    """As much of a boto3 Table as steward.state.placements uses: items stay the JSON texts that DynamoDB would hold."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str], Item] = {}

    def query(self, *, ExpressionAttributeValues: dict[str, str], **_: object) -> dict[str, list[Item]]:  # noqa: N803
        """All items of a partition whose sort key begins as asked, in one page."""
        pk, sk = ExpressionAttributeValues[":pk"], ExpressionAttributeValues[":sk"]
        return {"Items": [item for key, item in sorted(self._items.items()) if key[0] == pk and key[1].startswith(sk)]}

    def batch_writer(self) -> Self:
        """A context manager with `put_item` and `delete_item`."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held back."""

    def put_item(self, *, Item: Item) -> None:  # noqa: N803 - boto3's name
        """Replaces the item of that key."""
        self._items[Item["pk"], Item["sk"]] = Item

    def delete_item(self, *, Key: Item) -> None:  # noqa: N803 - boto3's name
        """Removes the item of that key, if there is one."""
        self._items.pop((Key["pk"], Key["sk"]), None)
