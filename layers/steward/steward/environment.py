"""What a function reads from its environment: one model per function, composed of these, checked at cold start."""

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from steward.errors import PermanentError


class EnvironmentInvalidError(PermanentError):
    """A variable that the template should set is missing or empty."""


class Environment(BaseModel):
    """Base of the models: fields are the lower-case names of variables."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Self:
        """Raises EnvironmentInvalidError naming every variable that is missing."""
        try:
            return cls.model_validate({name: variables.get(name.upper()) for name in cls.model_fields})
        except ValidationError as error:
            names = ", ".join(str(finding["loc"][0]).upper() for finding in error.errors())
            raise EnvironmentInvalidError(f"set {names} in the function's environment (template.yaml does)") from None


class FleetVariables(Environment):
    """Where the fleet file is served."""

    fleet_application: str = Field(min_length=1)
    fleet_environment: str = Field(min_length=1)
    fleet_profile: str = Field(min_length=1)


class StateVariables(Environment):
    """Where credentials and placements are kept, and the queue between the functions."""

    table_name: str = Field(min_length=1)
    credential_prefix: str = Field(min_length=1)
    sync_queue_url: str = Field(min_length=1)


class HouseVariables(FleetVariables, StateVariables):
    """What every function of this stack needs."""


class MintVariables(HouseVariables):
    """mint_credentials also creates secrets, hence the key they are encrypted with."""

    credential_key: str = Field(min_length=1)
