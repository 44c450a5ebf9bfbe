"""The host names under which ECR serves images, in every partition.

Source: the pattern shared by the ECR credential helper and the kubelet's ECR credential provider
(awslabs/amazon-ecr-credential-helper `api/client.go`, kubernetes/cloud-provider-aws `cmd/ecr-credential-provider`).
"""

import re
from dataclasses import dataclass

PUBLIC_HOSTS = ("public.ecr.aws", "ecr-public.aws.com")

_DOMAINS = {
    "cn": ("amazonaws.com.cn", "on.amazonwebservices.com.cn"),
    "us-isob": ("sc2s.sgov.gov", None),
    "us-isof": ("csp.hci.ic.gov", None),
    "us-iso": ("c2s.ic.gov", None),
    "eu-isoe": ("cloud.adc-e.uk", None),
    "eusc": ("amazonaws.eu", None),
}
_STANDARD = ("amazonaws.com", "on.aws")

_HOST = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(amazonaws\.(com\.cn|com|eu)|on\.(aws|amazonwebservices\.com\.cn)|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)",
)


@dataclass(frozen=True, slots=True)
class EcrHost:
    """What a private ECR host says of itself."""

    account: str
    region: str
    fips: bool


def parse_ecr_host(host: str) -> EcrHost | None:
    """Account and region of a private ECR host in any form; None for every other host."""
    match = _HOST.fullmatch(host)
    return EcrHost(match["account"], match["region"], match["fips"] is not None) if match else None


def ecr_host(account: str, region: str, form: str = "standard") -> str:
    """The host of an account's registry; `form` is standard, fips, dualStack or dualStackFips.

    Raises ValueError where a partition has no such form, so that no key is written which nothing can match.
    """
    plain, dual = next((found for prefix, found in _DOMAINS.items() if region.startswith(f"{prefix}-")), _STANDARD)
    fips = "-fips" if form in {"fips", "dualStackFips"} else ""
    if form in {"standard", "fips"}:
        return f"{account}.dkr.ecr{fips}.{region}.{plain}"
    if dual is None:
        raise ValueError(f"ECR has no dual-stack host in {region}; write standard or fips")
    return f"{account}.dkr-ecr{fips}.{region}.{dual}"
