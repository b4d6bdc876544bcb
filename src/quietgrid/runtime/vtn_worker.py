"""Tells subscribers what changed: by webhook in threads of its own, by MQTT where there is a broker (extra `mqtt`).

What is to be told is on disk; it is taken off when it was told, so a restart tells on, and something may be told twice
but not lost. Each callback is told in order. One that fails is tried again after 2, 4, 8, … seconds, up to ten minutes,
for a day; then it is left out. Source: OpenADR 3.1.1 Definition, "Error handling and backing off"; MQTT 3.1.1 (QoS 1).
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from quietgrid.errors import InputError, MissingExtraError, NotFoundError, QuietgridError, UnavailableError
from quietgrid.runtime.vtn_callbacks import Callbacks
from quietgrid.store.openadr import OpenAdrDelivery
from quietgrid.store.stores import PlatformStore
from quietgrid.wire.openadr3 import SubscriptionRequest
from quietgrid.wire.telemetry import BrokerAt

LOG = logging.getLogger("quietgrid.openadr")
LOOK_S = 1.0
BATCH = 16
FIRST_S, LONGEST_S, GIVEN_UP_S = 2.0, 600.0, 86_400.0
QOS = 1


def pause(tries: int) -> float:
    """Seconds until the next try.

    >>> [pause(tries) for tries in (0, 1, 2, 20)]
    [2.0, 4.0, 8.0, 600.0]
    """
    return min(LONGEST_S, FIRST_S * 2.0 ** min(tries, 20))


class VtnWorker:
    """Two loops over what waits to be told.

    Args:
        store: the platform's. callbacks: the way to webhooks. broker: for MQTT; None: there is none. now: machine's.
    """

    def __init__(
        self, store: PlatformStore, callbacks: Callbacks, broker: BrokerAt | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._store, self._callbacks, self._broker, self._now = store, callbacks, broker, now
        self.notes: dict[str, str] = {}
        """Subscription (empty: the broker) -> what is wrong with it, in words."""
        self._stop, self._news = threading.Event(), [threading.Event(), threading.Event()]
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="webhook")
        self._threads = [threading.Thread(target=self._webhooks, name="openadr", daemon=True)]
        if broker is not None:
            self._threads.append(threading.Thread(target=self._mqtt, name="openadr mqtt", daemon=True))

    def start(self) -> None:
        """Start telling."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There is something to tell."""
        for news in self._news:
            news.set()

    def stop(self) -> None:
        """End it; waits at most three seconds."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(3)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def step(self) -> int:
        """Tell what is due by webhook, each callback its oldest; how many were looked at."""
        with self._store.read() as tx:
            due = tx.openadr.due(self._now(), BATCH, mqtt=False)
        list(self._pool.map(self._one, due))
        return len(due)

    def _one(self, delivery: OpenAdrDelivery) -> None:
        try:
            with self._store.read() as tx:
                held = tx.openadr.object("SUBSCRIPTION", delivery.subscription)
            about = msgspec.json.decode(held.body, type=SubscriptionRequest).objectOperations[delivery.place]
            self._callbacks.tell(about.callbackUrl, delivery.body.encode(), about.bearerToken)
        except (NotFoundError, IndexError):
            self._done(delivery, "")
        except UnavailableError as error:
            self._failed(delivery, error)
        except InputError as error:
            self._done(delivery, str(error))
        else:
            self._done(delivery, "")

    def _done(self, delivery: OpenAdrDelivery, note: str) -> None:
        with self._store.begin() as tx:
            tx.openadr.told(delivery.number)
        if note:
            self.notes[delivery.subscription] = note
        else:
            self.notes.pop(delivery.subscription, None)

    def _failed(self, delivery: OpenAdrDelivery, error: QuietgridError) -> None:
        now = self._now()
        if now - delivery.made > GIVEN_UP_S:
            self._done(delivery, f"{error}; left out after a day")
            return
        self.notes[delivery.subscription] = str(error)
        with self._store.begin() as tx:
            tx.openadr.later(delivery.number, now + pause(delivery.tries))

    def _webhooks(self) -> None:
        told = ""
        while not self._stop.is_set():
            try:
                busy = self.step() > 0
                told = ""
            except (QuietgridError, RuntimeError) as error:  # RuntimeError: the pool is shutting down
                busy = False
                if told != str(error):
                    LOG.warning("%s", error)
                told = str(error)
            if not busy:
                self._news[0].wait(LOOK_S)
                self._news[0].clear()

    def _mqtt(self) -> None:
        try:
            import aiomqtt  # noqa: F401
        except ImportError:
            missing = MissingExtraError("aiomqtt is not installed", where="OpenADR", fix='install "quietgrid[mqtt]"')
            self.notes[""] = str(missing)
            return
        import asyncio

        asyncio.run(self._publish())

    async def _publish(self) -> None:
        import asyncio

        import aiomqtt

        assert self._broker is not None
        back_s = 0.5
        while not self._stop.is_set():
            try:
                async with aiomqtt.Client(self._broker.host, self._broker.port, **self._how(self._broker)) as client:
                    self.notes.pop("", None)
                    back_s = 0.5
                    while not self._stop.is_set():
                        for one in await asyncio.to_thread(self._due):
                            await client.publish(one.topic, one.body.encode(), qos=QOS)
                            await asyncio.to_thread(self._done, one, "")
                        await asyncio.to_thread(self._news[1].wait, LOOK_S)
                        self._news[1].clear()
            except (aiomqtt.MqttError, OSError) as error:
                self.notes[""] = f"the broker is away ({type(error).__name__})"
                await asyncio.sleep(back_s)
                back_s = min(30.0, 2 * back_s)

    def _due(self) -> list[OpenAdrDelivery]:
        with self._store.read() as tx:
            return tx.openadr.due(self._now(), BATCH, mqtt=True)

    @staticmethod
    def _how(at: BrokerAt) -> dict[str, Any]:
        how: dict[str, Any] = {"username": at.user or None, "timeout": at.timeout_s}
        if at.password_file is not None:
            how["password"] = at.password_file.read_text(encoding="utf-8").strip()
        if at.ca is not None:
            how["tls_context"] = ssl.create_default_context(cafile=str(at.ca))
        return how
