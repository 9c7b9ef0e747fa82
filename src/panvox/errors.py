"""What can go wrong, as types that carry facts.

    PanvoxError                     anything panvox raises on purpose
    ├── UsageError                  the caller asked for something that cannot be done (exit code 2)
    │   ├── PromptError               the prompt is empty, too long or not text
    │   ├── SelectionError            no model, or an unknown one, was selected
    │   └── SettingsError             a settings file or variable is wrong
    ├── StoreError                  runs cannot be read from, or written to, the store
    └── Failure                     one model did not answer; says why, whose fault, and what to do
        ├── Unauthorised              401: the key is missing, wrong or expired
        ├── Forbidden                 403: the key may not use this model or region
        ├── OutOfMoney                402, spent balance or billing limit
        ├── OutOfQuota                429: a daily or monthly quota is spent
        ├── RateLimited               429: too much, too fast; later it may pass
        ├── TooLarge                  413, or the prompt is larger than the model or its limit can ever take
        ├── UnknownModel              404: the provider has no such model, or no longer
        ├── InvalidRequest            400, 422: the provider does not accept the request
        ├── Refused                   a safety filter or the model declined
        ├── Empty                     an answer without text or tool calls
        ├── Truncated                 the stream stopped without an end
        ├── Malformed                 a reply that is not what the dialect promises
        ├── TimedOut                  connect, first token, idle or total deadline passed
        ├── Overloaded                5xx: the provider says that it is busy or broken
        ├── Unreachable               no connection: name, route, certificate, reset
        ├── CircuitOpen               not asked: it failed again and again a moment ago
        ├── LocalUnavailable          the model on this machine cannot be started
        └── Internal                  a defect in panvox; the message says where

Every `Failure` has a category, an owner, a retry decision and a hint; its `fault` is the value that
travels on into the ledger, the store and the page.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

import msgspec


class Category(StrEnum):
    """Why a model did not answer. Each one is also a state of the ledger."""

    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"
    OUT_OF_MONEY = "out_of_money"
    OUT_OF_QUOTA = "out_of_quota"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    UNKNOWN_MODEL = "unknown_model"
    INVALID_REQUEST = "invalid_request"
    REFUSED = "refused"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    TIMED_OUT = "timed_out"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    CIRCUIT_OPEN = "circuit_open"
    LOCAL_UNAVAILABLE = "local_unavailable"
    INTERNAL = "internal"


class Owner(StrEnum):
    """Who can put it right."""

    US = "us"
    KEY = "key"
    PROVIDER = "provider"
    PROMPT = "prompt"
    NETWORK = "network"


class Retry(StrEnum):
    """Whether the same call can succeed later."""

    NEVER = "never"
    LATER = "later"
    OTHER_KEY = "other_key"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one failure, without a traceback.

    `message` is the provider's own wording where there is one; `wait` is the number of seconds that the
    provider asked us to wait; `status` is the HTTP status.
    """

    category: Category
    owner: Owner
    retry: Retry
    message: str
    hint: str
    status: int | None = None
    wait: float | None = None
    code: str = ""
    request_id: str = ""


class PanvoxError(Exception):
    """Anything panvox raises on purpose; `str()` of it is a sentence for people."""


class UsageError(PanvoxError):
    """The caller asked for something that cannot be done."""


class PromptError(UsageError):
    """The prompt is empty, too long or not text."""


class SelectionError(UsageError):
    """No model, or an unknown one, was selected."""


class SettingsError(UsageError):
    """A settings file or an environment variable is wrong; one line for each thing found."""


class StoreError(PanvoxError):
    """Runs cannot be read from, or written to, the store."""


class Failure(PanvoxError):
    """One model did not answer. Subclasses fix the category and the defaults."""

    category: ClassVar[Category]
    owner: ClassVar[Owner]
    retry: ClassVar[Retry] = Retry.NEVER
    hint: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        owner: Owner | None = None,
        retry: Retry | None = None,
        status: int | None = None,
        wait: float | None = None,
        code: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.fault = Fault(
            category=self.category,
            owner=owner or self.owner,
            retry=retry or self.retry,
            message=message,
            hint=hint or self.hint,
            status=status,
            wait=wait,
            code=code,
            request_id=request_id,
        )


class Unauthorised(Failure):
    """401: the key is missing, wrong or expired."""

    category = Category.UNAUTHORISED
    owner = Owner.KEY
    retry = Retry.OTHER_KEY
    hint = "Check the key of this provider; `panvox doctor` tests it."


class Forbidden(Failure):
    """403: the key may not use this model or region."""

    category = Category.FORBIDDEN
    owner = Owner.KEY
    retry = Retry.OTHER_KEY
    hint = "The key is valid but may not use this model; ask the provider for access or leave the model out."


class OutOfMoney(Failure):
    """402, a spent balance or a billing limit."""

    category = Category.OUT_OF_MONEY
    owner = Owner.KEY
    retry = Retry.OTHER_KEY
    hint = "Top up the account at the provider, or leave its paid models out."


class OutOfQuota(Failure):
    """429 for a day's or a month's quota: it will not pass before the quota is renewed."""

    category = Category.OUT_OF_QUOTA
    owner = Owner.KEY
    retry = Retry.OTHER_KEY
    hint = "The quota of this account is spent; it comes back when the provider renews it."


class RateLimited(Failure):
    """429: too much, too fast; `wait` says when to come back, if the provider told."""

    category = Category.RATE_LIMITED
    owner = Owner.KEY
    retry = Retry.LATER
    hint = "The provider's rate limit was hit; ask again later or with fewer models of this provider."


class TooLarge(Failure):
    """The prompt is larger than this model, or its token limit, can ever take."""

    category = Category.TOO_LARGE
    owner = Owner.PROMPT
    hint = "Shorten the prompt, lower --max-tokens, or choose a model with a larger context."


class UnknownModel(Failure):
    """404: the provider has no such model, or no longer."""

    category = Category.UNKNOWN_MODEL
    owner = Owner.US
    hint = "`panvox models` lists what the provider offers now."


class InvalidRequest(Failure):
    """400 or 422: the provider does not accept the request as it is."""

    category = Category.INVALID_REQUEST
    owner = Owner.US
    hint = "The provider's message says which part it does not accept."


class Refused(Failure):
    """A safety filter or the model itself declined to answer."""

    category = Category.REFUSED
    owner = Owner.PROMPT
    hint = "The model or its provider declined this prompt; other models may answer it."


class Empty(Failure):
    """The reply ended properly but holds neither text nor a tool call."""

    category = Category.EMPTY
    owner = Owner.PROVIDER
    retry = Retry.LATER
    hint = "The model sent no text; ask again."


class Truncated(Failure):
    """The stream stopped without an end; what came before it is kept in the outcome."""

    category = Category.TRUNCATED
    owner = Owner.PROVIDER
    retry = Retry.LATER
    hint = "The connection closed in the middle of the answer; what had arrived is kept. Ask again."


class Malformed(Failure):
    """The reply is not what the dialect promises: HTML, broken JSON, the wrong content type."""

    category = Category.MALFORMED
    owner = Owner.PROVIDER
    hint = "Check the provider's base_url: the reply does not look like its API."


class TimedOut(Failure):
    """A deadline passed: connect, first token, idle or total."""

    category = Category.TIMED_OUT
    owner = Owner.PROVIDER
    retry = Retry.LATER
    hint = "The model was too slow; raise --deadline to wait longer."


class Overloaded(Failure):
    """5xx: the provider says that it is busy or broken."""

    category = Category.OVERLOADED
    owner = Owner.PROVIDER
    retry = Retry.LATER
    hint = "The provider has trouble of its own; ask again in a while."


class Unreachable(Failure):
    """There is no connection: name, route, certificate or reset."""

    category = Category.UNREACHABLE
    owner = Owner.NETWORK
    retry = Retry.LATER
    hint = "Check the network, the proxy and the provider's base_url."


class CircuitOpen(Failure):
    """Not asked, since it failed again and again a moment ago; `wait` says when it is tried again."""

    category = Category.CIRCUIT_OPEN
    owner = Owner.PROVIDER
    hint = "panvox tries it again by itself; `panvox limits` shows what is closed, and until when."


class LocalUnavailable(Failure):
    """The model on this machine cannot be started."""

    category = Category.LOCAL_UNAVAILABLE
    owner = Owner.US
    hint = "Run `panvox local install`, or name another GGUF file in the settings."


class Internal(Failure):
    """A defect in panvox."""

    category = Category.INTERNAL
    owner = Owner.US
    hint = "This is a defect in panvox; please report it with the message above."


def failure_from(fault: Fault, message: str | None = None) -> Failure:
    """The failure that `fault` was taken from, to be raised again; `message` replaces its wording."""
    kind = next(kind for kind in Failure.__subclasses__() if kind.category is fault.category)
    return kind(
        message or fault.message,
        hint=fault.hint,
        owner=fault.owner,
        retry=fault.retry,
        status=fault.status,
        wait=fault.wait,
        code=fault.code,
        request_id=fault.request_id,
    )
