"""The JSON of published statistics."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Id, Time, one_of
from quietgrid.model.publication import Statistic

MONTH = r"^[0-9]{4}-[0-9]{2}$"


class PublishedFigure(BaseModel):
    """One number of a published statistic."""

    name: str = Field(examples=["all homes"])
    homes: int = Field(examples=[120], description="Homes behind it; of a class of homes: in all classes together.")
    value: int = Field(examples=[31_760_112], description="Wh, or homes. With noise it can be below zero.")
    noisy: bool
    low: int = Field(examples=[31_760_112], description="The noise moved it from at least here, 95 times of 100 …")
    high: int = Field(examples=[31_760_112], description="… and from at most here. Equal to `value` without noise.")


class PublishedStatistic(BaseModel):
    """One statistic of one billing period: published once, the same for ever."""

    statistic: str = one_of(*Statistic)
    name: str = Field(examples=["Used by all homes"])
    month: str = Field(examples=["2026-03"])
    start: Time
    end: Time
    unit: str = one_of("Wh", "homes")
    homes: int = Field(examples=[120])
    epsilon: float = Field(examples=[0.5], description="Privacy loss of each home in a figure with noise; 0 without.")
    sensitivity: int = Field(description="The most one home can change the figures by, all together.")
    bound_wh: int = Field(description="What a home's figure was clipped at before noise; 0 without.")
    year: int = Field(examples=[2026], description="Whose budget it is charged to.")
    budget: float = Field(examples=[6.0], description="A home's limit of that year.")
    published: Time
    figures: list[PublishedFigure]


class PublishedStatistics(BaseModel):
    """Everything that is published, newest period first."""

    floor: int = Field(examples=[100], description="Homes from which a plain sum may be published.")
    published: list[PublishedStatistic]


class PublishRequest(BaseModel):
    """What to publish."""

    statistic: Statistic = Field(examples=["use"])
    month: Annotated[str, Field(pattern=MONTH + "|^$", examples=["2026-03"])] = ""
    epsilon: Annotated[float | None, Field(gt=0, le=100, examples=[0.5])] = None


class HomeSpent(BaseModel):
    """What one home spent of its privacy budget in one year."""

    home: Id
    year: int = Field(examples=[2026])
    epsilon: float = Field(examples=[1.5])
    statistics: int = Field(examples=[4], description="It is part of so many, plain ones too.")


class EpsilonLedger(BaseModel):
    """The epsilon ledger."""

    budget: float = Field(examples=[6.0], description="A home's limit a year.")
    spent: list[HomeSpent]
