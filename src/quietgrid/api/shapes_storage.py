"""The JSON of the routes of storage planned under encryption."""

from __future__ import annotations

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Time


class StorageSum(BaseModel):
    """A sum over stations in one half hour."""

    start: Time
    before_wh: int | None = Field(examples=[12_130], description="What the stations used. None: not opened.")
    behind_wh: int | None = Field(examples=[11_830], description="What their connections carried with the storages.")


class StorageDay(BaseModel):
    """One UTC day."""

    start: Time
    algorithm: str = Field(examples=["shave"])
    asked: int = Field(examples=[16], description="Stations that asked for a plan.")
    planned: int = Field(examples=[16])
    failed: int = Field(examples=[0], description="Computations that failed; those storages rest.")
    cpu_s: float = Field(examples=[176.2], description="CPU seconds of all computations on ciphertexts.")
    ciphertext_bytes: int = Field(
        examples=[710_000], description="What this platform saw of it, questions and answers."
    )
    stations: int = Field(examples=[16], description="Stations behind the smallest opened sum, 0: nothing opened.")
    peak_before_w: int | None = Field(examples=[24_787], description="Highest mean power of a half hour.")
    peak_behind_w: int | None = Field(examples=[23_455])
    sums: list[StorageSum]


class Storage(BaseModel):
    """Storage planned under encryption."""

    running: bool = Field(description="Whether stations take part here.")
    engine: bool = Field(description="Whether the engine for encrypted numbers is built.")
    stations: int = Field(examples=[16])
    floor: int = Field(examples=[15], description="No sum of fewer stations opens.")
    waiting: int = Field(examples=[3], description="Computations that wait or run.")
    note: str = Field(examples=[""], description="What hinders opening, if anything does.")
    algorithms: dict[str, str] = Field(examples=[{"shave": "keeps the lowest peak it can"}])
    days: list[StorageDay]
