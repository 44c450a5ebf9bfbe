"""Who asks, and what is forbidden to them: bearer tokens, and denials worded as RBAC words them."""

from dataclasses import dataclass, field

from testbed.embedded_api.resources import Target
from testbed.embedded_api.status import StatusError, forbidden, unauthorized

ANONYMOUS = "system:anonymous"


@dataclass(frozen=True)
class Denial:
    """What a user may not do; None means any."""

    user: str
    verb: str | None = None
    resource: str | None = None
    namespace: str | None = None

    def covers(self, user: str, verb: str, target: Target) -> bool:
        return (
            self.user == user
            and self.verb in (None, verb)
            and self.resource in (None, target.resource.plural)
            and self.namespace in (None, target.namespace)
        )


@dataclass
class Access:
    """Users by token (everybody who is known may do everything), minus the denials."""

    users: dict[str, str] = field(default_factory=dict)
    denials: list[Denial] = field(default_factory=list)

    def authenticate(self, authorization: str | None) -> str:
        """The user behind an Authorization header; 401 for a token nobody holds."""
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        user = self.users.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return user

    def authorize(self, user: str, verb: str, target: Target) -> None:
        """403 unless `user` may do `verb` on `target`."""
        if user == ANONYMOUS or any(denial.covers(user, verb, target) for denial in self.denials):
            raise _denied(user, verb, target)


def _denied(user: str, verb: str, target: Target) -> StatusError:
    kind = target.resource
    where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    resource = f"{kind.plural}/{target.subresource}" if target.subresource else kind.plural
    why = f'User "{user}" cannot {verb} resource "{resource}" in API group "{kind.group}" {where}'
    return forbidden(kind.qualified, target.name, why)
