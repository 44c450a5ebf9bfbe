"""How answers look on the wire: full objects or metadata only, single or as a list, as Accept asks."""

from enum import StrEnum

from testbed.embedded_api.resources import Resource
from testbed.embedded_api.status import Json, not_acceptable
from testbed.embedded_api.store import Page

_META_API = "meta.k8s.io/v1"


class Form(StrEnum):
    """The forms that a client can ask for with `as=`."""

    FULL = ""
    ONE = "PartialObjectMetadata"
    MANY = "PartialObjectMetadataList"


def negotiate(accept: str, *, listing: bool) -> Form:
    """The first form in the Accept header that is served here; 406 if there is none."""
    for clause in (accept or "*/*").split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        form = next((part.removeprefix("as=") for part in parameters if part.startswith("as=")), "")
        wanted = Form.MANY if listing else Form.ONE
        if media in {"application/json", "application/*", "*/*"} and form in {"", wanted}:
            return Form(form)
    raise not_acceptable()


def render(obj: Json, form: Form) -> Json:
    """One object in the form that was agreed."""
    if form is Form.FULL or obj.get("kind") == "Status":
        return obj
    return {"kind": Form.ONE, "apiVersion": _META_API, "metadata": obj["metadata"]}


def render_list(page: Page, form: Form, resource: Resource) -> Json:
    """A page of a list. Full items carry no kind of their own, as in every typed list of Kubernetes."""
    metadata: Json = {"resourceVersion": str(page.revision)}
    if page.token:
        metadata |= {"continue": page.token}
    if page.remaining is not None:
        metadata |= {"remainingItemCount": page.remaining}
    if form is Form.MANY:
        items = [render(obj, Form.ONE) for obj in page.items]
        return {"kind": Form.MANY, "apiVersion": _META_API, "metadata": metadata, "items": items}
    items = [{key: value for key, value in obj.items() if key not in {"kind", "apiVersion"}} for obj in page.items]
    return {
        "kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata, "items": items,
    }  # fmt: skip
