"""The fleet file as types. Unknown fields are refused, because a misspelt one would silently do nothing."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel

from steward.fleet.values import (
    AwsAccount,
    ClusterPattern,
    Duration,
    ExternalId,
    Name,
    NamePattern,
    Region,
    RoleArn,
    SecretName,
    ServerUrl,
)


class Declared(BaseModel):
    """Base of everything a user writes: camelCase in the file, frozen, nothing unknown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


def _require_one(model: BaseModel, fields: tuple[str, ...]) -> None:
    given = [name for name in fields if getattr(model, name) is not None]
    if len(given) != 1:
        choices = " or ".join(to_camel(name) for name in fields)
        empty = [to_camel(name) for name in fields if name in model.model_fields_set and name not in given]
        hint = f" ({empty[0]} is empty; its defaults are asked for with {{}})" if empty and not given else ""
        raise ValueError(f"write exactly one of {choices}; found {', '.join(map(to_camel, given)) or 'none'}{hint}")


class EksCluster(Declared):
    """An EKS cluster: endpoint and CA come from eks:DescribeCluster, the token from a presigned STS call."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    region: Region
    role: RoleArn | None = Field(None, description="assumed to reach the cluster; default: the function's own role")
    external_id: ExternalId | None = None


class ServerCluster(Declared):
    """Any other cluster: its address, its CA, and a bearer token kept in Secrets Manager."""

    url: ServerUrl
    ca: str | None = Field(None, description="PEM; default: the public certificate authorities")
    token_secret: Annotated[str, Field(min_length=1)] = Field(
        description="name of the Secrets Manager secret whose text is the bearer token",
    )


class Cluster(Declared):
    """One cluster and how it is reached."""

    name: Name
    eks: EksCluster | None = None
    server: ServerCluster | None = None

    @model_validator(mode="after")
    def _is_reached_one_way(self) -> Self:
        _require_one(self, ("eks", "server"))
        return self


class Discovery(Declared):
    """Every EKS cluster of these regions that carries these tags, named `<region>-<cluster>`."""

    regions: Annotated[tuple[Region, ...], Field(min_length=1)]
    role: RoleArn | None = None
    external_id: ExternalId | None = None
    tags: dict[str, str] = {}


WITHOUT_DUAL_STACK = ("us-iso", "eu-iso", "eusc-")
"""Regions whose partition has no dual-stack host of ECR (`steward.images.ecr_hosts` knows the names)."""


class EcrRegistry(Declared):
    """Private ECR registries of one region that one principal may pull from."""

    region: Region
    accounts: Annotated[tuple[AwsAccount, ...], Field(min_length=1)]
    role: RoleArn | None = None
    external_id: ExternalId | None = None
    hosts: tuple[Literal["standard", "fips", "dualStack", "dualStackFips"], ...] = Field(
        ("standard",),
        min_length=1,
        description="host forms that images are named by; each gets an entry of its own",
    )

    @field_validator("hosts")
    @classmethod
    def _exist_in_the_partition(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        region = str(info.data.get("region"))
        if region.startswith(WITHOUT_DUAL_STACK) and (dual := [form for form in hosts if form.startswith("dual")]):
            raise ValueError(f"ECR has no {dual[0]} host in {region}; write standard or fips")
        return hosts


class EcrPublicRegistry(Declared):
    """Public ECR: a token lifts the pull limits."""

    role: RoleArn | None = None
    external_id: ExternalId | None = None


class Registry(Declared):
    """One named source of credentials."""

    name: Name
    ecr: EcrRegistry | None = None
    ecr_public: EcrPublicRegistry | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        _require_one(self, ("ecr", "ecr_public"))
        return self


class LabelExpression(Declared):
    """One `matchExpressions` entry, with Kubernetes' own meaning."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_values_where_needed(self) -> Self:
        if (self.operator in {"In", "NotIn"}) != bool(self.values):
            raise ValueError("In and NotIn need values; Exists and DoesNotExist take none")
        return self


class NamespaceSelection(Declared):
    """Namespaces whose name matches one of `names` and whose labels match everything asked, but for `exclude`."""

    names: Annotated[tuple[NamePattern, ...], Field(min_length=1)] = ("*",)
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelExpression, ...] = ()
    exclude: tuple[NamePattern, ...] = ("kube-system", "kube-public", "kube-node-lease")


ServiceAccounts = Literal["default", "all", "none"] | Annotated[tuple[SecretName, ...], Field(min_length=1)]


class PullSecret(Declared):
    """One Secret of type kubernetes.io/dockerconfigjson, kept in every chosen namespace of every chosen cluster."""

    name: SecretName
    registries: Annotated[tuple[Name, ...], Field(min_length=1)]
    clusters: Annotated[tuple[ClusterPattern, ...], Field(min_length=1)] = ("*",)
    namespaces: NamespaceSelection = NamespaceSelection()
    service_accounts: ServiceAccounts = Field(
        "default",
        description="service accounts whose imagePullSecrets name this Secret: default, all, none, or a list of names",
    )


class Rotation(Declared):
    """How often credentials are renewed: at the latest after `every`, earlier where one really lives shorter."""

    every: Duration = timedelta(hours=3)


class Fleet(Declared):
    """The whole of fleet.yaml."""

    clusters: tuple[Cluster, ...] = ()
    discover: tuple[Discovery, ...] = ()
    registries: Annotated[tuple[Registry, ...], Field(min_length=1)]
    pull_secrets: Annotated[tuple[PullSecret, ...], Field(min_length=1)]
    rotation: Rotation = Rotation()

    def registry(self, name: str) -> Registry:
        return next(registry for registry in self.registries if registry.name == name)
