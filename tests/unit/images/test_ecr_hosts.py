"""ECR's host names in every partition, held against the pattern that the kubelet's own provider uses."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.fleet.model import WITHOUT_DUAL_STACK, EcrRegistry
from steward.images.ecr_hosts import PUBLIC_HOSTS, EcrHost, ecr_host, parse_ecr_host

ACCOUNT = "111122223333"
REGIONS = [
    "us-east-1",
    "eu-west-1",
    "ap-southeast-4",
    "us-gov-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "us-isof-south-1",
    "eu-isoe-west-1",
    "eusc-de-east-1",
]
FORMS = ["standard", "fips", "dualStack", "dualStackFips"]

# awslabs/amazon-ecr-credential-helper `api/client.go`, kubernetes/cloud-provider-aws `cmd/ecr-credential-provider`.
UPSTREAM = re.compile(
    r"^(\d{12})\.dkr[\.\-]ecr(\-fips)?\.([a-zA-Z0-9][a-zA-Z0-9-_]*)\."
    r"(amazonaws\.(com|com.cn|eu)|on\.(aws|amazonwebservices.com.cn)|sc2s.sgov.gov|c2s.ic.gov|cloud.adc-e.uk|csp.hci.ic.gov)$",
    re.ASCII,
)


@pytest.mark.parametrize(
    ("region", "form", "host"),
    [
        ("eu-west-1", "standard", "111122223333.dkr.ecr.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "fips", "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com"),
        ("eu-west-1", "dualStack", "111122223333.dkr-ecr.eu-west-1.on.aws"),
        ("us-east-1", "dualStackFips", "111122223333.dkr-ecr-fips.us-east-1.on.aws"),
        ("cn-north-1", "standard", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("cn-north-1", "dualStack", "111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn"),
        ("us-iso-east-1", "standard", "111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "standard", "111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"),
        ("us-isof-south-1", "standard", "111122223333.dkr.ecr.us-isof-south-1.csp.hci.ic.gov"),
        ("eu-isoe-west-1", "standard", "111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk"),
        ("eusc-de-east-1", "standard", "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_each_partition_has_its_own_domain(region: str, form: str, host: str) -> None:
    assert ecr_host(ACCOUNT, region, form) == host


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("form", FORMS)
def test_the_fleet_file_refuses_exactly_the_hosts_that_do_not_exist(region: str, form: str) -> None:
    fields = {"region": region, "accounts": [ACCOUNT], "hosts": [form]}
    if form.startswith("dual") and region.startswith(WITHOUT_DUAL_STACK):
        with pytest.raises(ValueError, match="write standard or fips"):
            ecr_host(ACCOUNT, region, form)
        with pytest.raises(ValueError, match=f"ECR has no {form} host in {region}; write standard or fips"):
            EcrRegistry.model_validate(fields)
    else:
        assert ecr_host(ACCOUNT, region, form)
        assert EcrRegistry.model_validate(fields).hosts == (form,)


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.sampled_from(REGIONS), st.sampled_from(FORMS))
def test_a_host_that_is_written_is_read_back_and_known_upstream(account: str, region: str, form: str) -> None:
    if form.startswith("dual") and region.startswith(WITHOUT_DUAL_STACK):
        form = form.replace("dualStackFips", "fips").replace("dualStack", "standard")

    host = ecr_host(account, region, form)

    assert parse_ecr_host(host) == EcrHost(account, region, form.lower().endswith("fips"))
    assert UPSTREAM.match(host)


DOMAINS = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "on.aws", "on.amazonwebservices.com.cn"]
DOMAINS += ["sc2s.sgov.gov", "c2s.ic.gov", "cloud.adc-e.uk", "csp.hci.ic.gov", "on.aws.example", "amazonaws.org"]


@given(
    st.sampled_from(["111122223333", "11112222333", "1111222233334", "a11122223333"]),
    st.sampled_from([".dkr.ecr", ".dkr-ecr", ".dkr.ecr-fips", ".dkr-ecr-fips", ".ecr", ".dkr_ecr", "dkr.ecr"]),
    st.sampled_from([*REGIONS, "", "eu.west"]),
    st.sampled_from(DOMAINS),
    st.sampled_from(["", "", "", ":443", "/app", ".", "\u0660"]),
)
def test_a_host_is_read_exactly_when_upstream_reads_it(
    account: str, service: str, region: str, domain: str, tail: str
) -> None:
    host = f"{account}{service}.{region}.{domain}{tail}"

    assert (parse_ecr_host(host) is not None) is (UPSTREAM.match(host) is not None)


@pytest.mark.parametrize(
    "host",
    [
        *PUBLIC_HOSTS,
        "docker.io",
        "111122223333.dkr.ecr.eu-west-1.amazonawsXcom",
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
        "evil.111122223333.dkr.ecr.eu-west-1.amazonaws.com",
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com\n",
        "111122223333.dkr.ecr.us-isob-east-1.sc2sXsgov.gov",
        "\u0661" * 12 + ".dkr.ecr.eu-west-1.amazonaws.com",
        "",
    ],
)
def test_every_other_host_is_none_of_ecrs(host: str) -> None:
    assert parse_ecr_host(host) is None
