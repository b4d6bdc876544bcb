"""`fhe`: comparing, advising and planning on encrypted numbers, beside Zama's Python package and TenSEAL."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.measure import bar, cpu_seconds, peak_memory_mb
from quietgrid.algorithms.heating import heating
from quietgrid.algorithms.insight import Community, Condition, from_digits, insight
from quietgrid.algorithms.schedule.steps import Steps, flatten
from quietgrid.crypto.public.fhe import LOG2_FAILURE, SECURITY_BITS, Public, Server
from quietgrid.crypto.secret.fhe import Client
from quietgrid.errors import VerificationError

NAME = "fhe"

CONCRETE: dict[str, Any] = {
    "comparison_cpu_s": 16.9,
    "least_of_8_u8_cpu_s": 20.0,
    "keys_mb": 600,
    "measured": "earlier",
}
"""concrete-python 2.11 (July 2025), one 16-bit `x > y`, and the least of eight 8-bit numbers. It needs torch and NumPy
below 2, so it cannot stand in this environment: figures of an earlier run on such a machine."""
HOURS, FEATURES, RULES, INTERVALS = 24, 6, 12, 24
DAY_S = 86_400


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds and wall seconds."""
    begin = time.perf_counter()
    cpu = cpu_seconds(work)
    return cpu, time.perf_counter() - begin


def _agree(what: str, ours: object, twin: object) -> None:
    if ours != twin:
        raise VerificationError(f"{what} differs from its twin", where="benchmark", fix="this is a bug")


def _costs(server: Server, work: Callable[[], object]) -> dict[str, float]:
    """CPU and wall seconds, and table lookups."""
    before = server.lookups
    cpu, wall = _timed(work)
    return {"cpu_s": round(cpu, 4), "wall_s": round(wall, 4), "lookups": server.lookups - before}


def _comparison(client: Client, server: Server, repeats: int, draw: Random) -> dict[str, float]:
    """Comparing two encrypted 16-bit numbers, and the least of eight 8-bit ones."""
    values = [[draw.randrange(1 << 16) for _ in range(repeats)] for _ in range(2)]
    a, b = (server.load(client.encrypt(numbers, "u16")) for numbers in values)
    out: list[Any] = []
    cost = _costs(server, lambda: out.append(server.compare(a, "gt", b)))
    _agree("comparison", client.decrypt(server.answer(out[0])), [int(x > y) for x, y in zip(*values, strict=True)])
    eight = [draw.randrange(256) for _ in range(8)]
    few = server.load(client.encrypt(eight, "u8"))
    least = _costs(server, lambda: out.append(server.least(few)))
    _agree("least", client.decrypt(server.answer(out[1][0])), [min(eight)])
    return {
        "comparison_cpu_s": round(cost["cpu_s"] / repeats, 4),
        "comparison_lookups": cost["lookups"] / repeats,
        "least_of_8_u8_cpu_s": least["cpu_s"],
    }


def _tenseal(draw: Random) -> dict[str, float | str]:
    """A day's 24 numbers times public weights in BFV: sums only, it compares nothing."""
    try:
        import tenseal
    except ImportError:
        return {"measured": "not installed (requirements-bench.txt)"}
    context = tenseal.context(tenseal.SCHEME_TYPE.BFV, poly_modulus_degree=4096, plain_modulus=1_032_193)
    values, weights = ([draw.randrange(256) for _ in range(HOURS)] for _ in range(2))
    sealed = tenseal.bfv_vector(context, values)
    out: list[Any] = []
    cpu, _ = _timed(lambda: out.append(sealed * weights))
    _agree("TenSEAL", out[0].decrypt(), [x * w for x, w in zip(values, weights, strict=True)])
    return {"weighting_24_cpu_s": round(cpu, 4), "ciphertext_bytes": len(sealed.serialize()), "compares": "no"}


def _insight(client: Client, server: Server, draw: Random) -> dict[str, float]:
    """One home's month: question, answer, opening."""
    rules = tuple(
        tuple(Condition(draw.randrange(FEATURES), draw.random() < 0.5, draw.randrange(256)) for _ in range(3))
        for _ in range(RULES)
    )
    edges = tuple(600 * i for i in range(1, 11))
    here = Community(2400, edges, edges[1:7], tuple(draw.randrange(256) for _ in range(HOURS)), rules)
    public = Public(
        here.average, here.bands, here.classes, here.usual,
        tuple(tuple((c.feature, c.at_least, c.value) for c in rule) for rule in rules),
    )  # fmt: skip
    month = draw.randrange(6000)
    profile, features = ([draw.randrange(256) for _ in range(n)] for n in (HOURS, FEATURES))
    question = client.encrypt([month], "u16"), client.encrypt(profile, "u8"), client.encrypt(features, "u8")
    answer: list[bytes] = []
    cost = _costs(server, lambda: answer.append(server.insight(*question, public)))
    opened = from_digits(client.decrypt(answer[0]), HOURS, RULES)
    _agree("insight", opened, insight(month, profile, features, here))
    sizes = {"up_bytes": sum(map(len, question)), "down_bytes": len(answer[0])}
    return {**cost, **sizes, "homes_a_day_per_core": round(DAY_S / cost["cpu_s"])}


def _schedule(client: Client, server: Server, intervals: int, draw: Random) -> dict[str, float]:
    """A plan against the peak by rank."""
    load = [draw.randrange(200, 4000) for _ in range(intervals)]
    steps, k = Steps(6, 500, 5000), intervals // 4
    sealed, level = client.encrypt(load, "u16"), client.encrypt([2], "u4")
    answer: list[bytes] = []
    limits = steps.capacity, steps.step_wh, steps.limit_wh
    cost = _costs(server, lambda: answer.append(server.flatten(sealed, level, k, limits)))
    plan = tuple(move - 1 for move in client.decrypt(answer[0]))
    _agree("schedule", plan, flatten(load, 2, k, steps))
    return {**cost, "intervals": intervals}


def _model(client: Client, server: Server, draw: Random) -> dict[str, float]:
    """One answer of the learned model."""
    model = heating()
    levels = [draw.randrange(16) for _ in model.tables]
    sealed = client.encrypt(levels, "u4")
    answer: list[bytes] = []
    cost = _costs(server, lambda: answer.append(server.score(sealed, model.tables, model.edge)))
    _agree("model", client.decrypt(answer[0]), [int(model.decide(levels))])
    return {"cpu_s": cost["cpu_s"], "lookups": cost["lookups"]}


def run(quick: bool) -> dict[str, Any]:
    """Everything beside its twin, which it must equal."""
    draw = Random(5)
    client = Client.generate()
    keys: list[bytes] = []
    making, _ = _timed(lambda: keys.append(client.server_key()))
    server = Server(keys[0])
    small = _comparison(client, server, 4 if quick else 32, draw)
    month = _insight(client, server, draw)
    plan = _schedule(client, server, 8 if quick else INTERVALS, draw)
    learned = _model(client, server, draw)
    ratio = CONCRETE["comparison_cpu_s"] / small["comparison_cpu_s"]
    return {
        "name": NAME,
        "work": f"one 16-bit comparison, one home's month, one plan of {plan['intervals']:.0f} intervals, one model",
        "ours": {
            **small,
            "client_key_bytes": len(client.to_bytes()),
            "server_key_bytes": len(keys[0]),
            "server_key_cpu_s": round(making, 2),
            "u16_bytes": len(client.encrypt([1, 2], "u16")) - len(client.encrypt([1], "u16")),
            **{f"insight_{name}": value for name, value in month.items()},
            **{f"schedule_{name}": value for name, value in plan.items()},
            **{f"model_{name}": value for name, value in learned.items()},
            "lookup_cpu_ms": round(1000 * plan["cpu_s"] / plan["lookups"], 2),
            "peak_memory_mb": peak_memory_mb(),
        },
        "peers": {"concrete": CONCRETE, "tenseal": _tenseal(draw)},
        "ratios": {
            "concrete, CPU of a comparison": ratio,
            "concrete, CPU of the least of 8": CONCRETE["least_of_8_u8_cpu_s"] / small["least_of_8_u8_cpu_s"],
        },
        "bars": [
            bar("16-bit comparison: times less CPU than concrete", 50, ratio),
            bar("homes' insights in 5 s (wall)", 1, 5 / month["wall_s"]),
            bar("insights' questions in 100 KB", 1, 100_000 / month["up_bytes"]),
            bar(f"plans of {plan['intervals']:.0f} intervals in 60 s (wall)", 1, 60 / plan["wall_s"]),
        ],
        "note": f"{SECURITY_BITS}-bit security; a lookup fails with probability 2^{LOG2_FAILURE}. Every answer "
        "was opened and equals its plaintext twin. concrete-python 2.11 was measured in an earlier run; TenSEAL adds "
        "and multiplies, it compares nothing.",
    }
