"""Secrets that are known by their format: keys and tokens of vendors, passwords in addresses.

The expressions are those of detect-secrets, which is asked for nothing else here: none of its settings are
touched, and nothing is verified over the network. Where its own can be slow on hostile text, or know a format
only in part, ours stand in their place. Each runs over a whole text in time linear in its length.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple, cast

from panvox.review.detecting import plausible
from panvox.review.detecting.spans import Span


class Format(NamedTuple):
    """A kind of secret, its expression, and words of which one must be in the text in lower case.

    The value is the group `value`, or all. `check` is given the value.
    """

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...]
    check: Callable[[str], bool] = lambda value: not plausible.stands_in(value)
    rank: int = 1


_DETECTED = (
    # kind, module and class of detect-secrets, hints
    ("AWS key", "aws.AWSKeyDetector", ("akia", "asia", "a3t", "abia", "acca", "aws")),
    ("Azure storage key", "azure_storage_key.AzureStorageKeyDetector", ("accountkey=",)),
    ("Discord token", "discord.DiscordBotTokenDetector", (".",)),
    ("GitHub token", "github_token.GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("GitLab token", "gitlab_token.GitLabTokenDetector", ("gl", "gr1348941")),
    ("Mailchimp key", "mailchimp.MailchimpDetector", ("-us",)),
    ("PyPI token", "pypi_token.PypiTokenDetector", ("pypi-",)),
    ("SendGrid key", "sendgrid.SendGridDetector", ("sg.",)),
    ("Slack token", "slack.SlackDetector", ("xox", "hooks.slack.com")),
    ("Square secret", "square_oauth.SquareOAuthDetector", ("sq0csp-",)),
    ("Stripe key", "stripe.StripeDetector", ("k_live_",)),
    ("Telegram token", "telegram_token.TelegramBotTokenDetector", (":",)),
    ("Twilio key", "twilio.TwilioKeyDetector", ("ac", "sk")),
)
_GROUPED = {"aws.AWSKeyDetector"}  # the groups of the others hold only a part of the value
_EXACT = {"AWS key", "Twilio key", "Telegram token", "Discord token"}  # what goes on is something else
_TOKEN = re.compile(r"[A-Za-z0-9_-]*")

_OURS = (
    ("Anthropic key", r"sk-ant-[\w-]{20,}+", "sk-ant-"),
    ("OpenRouter key", r"sk-or-[\w-]{20,}+", "sk-or-"),
    ("OpenAI key", r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,}+", "sk-"),
    ("OpenAI key", r"sk-[A-Za-z0-9]{32,}+", "sk-"),
    ("Groq key", r"gsk_[A-Za-z0-9]{20,}+", "gsk_"),
    ("Google key", r"AIza[\w-]{35,}+", "aiza"),
    ("Google token", r"ya29\.[\w-]{30,}+", "ya29."),
    ("Google OAuth secret", r"GOCSPX-[\w-]{20,}+", "gocspx-"),
    ("Hugging Face token", r"hf_[A-Za-z0-9]{30,}+", "hf_"),
    ("Replicate token", r"r8_[A-Za-z0-9]{30,}+", "r8_"),
    ("xAI key", r"xai-[A-Za-z0-9]{40,}+", "xai-"),
    ("Together key", r"tgp_v1_[\w-]{30,}+", "tgp_v1_"),
    ("NVIDIA key", r"nvapi-[\w-]{40,}+", "nvapi-"),
    ("Perplexity key", r"pplx-[A-Za-z0-9]{40,}+", "pplx-"),
    ("Fireworks key", r"fw_[A-Za-z0-9]{20,}+", "fw_"),
    ("Cerebras key", r"csk-[a-z0-9]{40,}+", "csk-"),
    ("GitHub token", r"github_pat_\w{50,}+", "github_pat_"),
    ("npm token", r"npm_[A-Za-z0-9]{36,}+", "npm_"),
    ("Slack token", r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{20,}+|xapp-\d-[A-Za-z0-9-]{20,}+", "xox", "xapp-"),
    ("Stripe key", r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{16,}+|whsec_[A-Za-z0-9+/=]{24,}+", "k_", "whsec_"),
    ("Artifactory key", r"AKCp[A-Za-z0-9]{60,}+|cmVmdGtu[A-Za-z0-9]{56,}+", "akcp", "cmvmdgtu"),
    ("Atlassian token", r"ATATT3[\w=-]{100,}+", "atatt3"),
    ("DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}", "_v1_"),
    ("Docker token", r"dckr_pat_[\w-]{20,}+", "dckr_pat_"),
    ("Shopify token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", "shp"),
    ("Vault token", r"hv[sb]\.[\w-]{24,}+", "hvs.", "hvb."),
    ("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}+", "age-secret-key-1"),
)


def formatted(text: str, lowered: str) -> Iterator[Span]:
    """What stands in `text` in a known format; `lowered` is the text in lower case, as long as it."""
    for form in formats():
        if any(hint in lowered for hint in form.hints):
            yield from _of_form(text, form)


def _of_form(text: str, form: Format) -> Iterator[Span]:
    group = "value" if "value" in form.pattern.groupindex else 0
    told = 0
    for found in form.pattern.finditer(text):
        start, stop = found.span(group)
        if start < told:  # within what was seen already: a run is looked at once
            continue
        if group == 0:
            told = longer = _TOKEN.match(text, stop).end()  # type: ignore[union-attr]  # matches anything
            if (start and text[start - 1].isalnum()) or (longer > stop and form.kind in _EXACT):
                continue
            stop = longer
        if form.check(text[start:stop]):
            yield Span(start, stop, form.kind, form.rank)


@cache
def formats() -> tuple[Format, ...]:
    """All formats. Loads detect-secrets, which brings a network library that is not used."""
    return (*_detected(), *_ours(), *_CHECKED)


def _detected() -> Iterator[Format]:
    for kind, place, hints in _DETECTED:
        module, _, name = place.partition(".")
        plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)
        for pattern in cast("tuple[re.Pattern[str], ...]", plugin.denylist):
            if place in _GROUPED and pattern.groups:
                pattern = re.compile(_named(pattern.pattern), pattern.flags)  # noqa: PLW2901
            yield Format(kind, pattern, hints)


def _named(pattern: str) -> str:
    """The expression with its one group named."""
    return re.sub(r"\((?!\?)", "(?P<value>", pattern, count=1)


def _ours() -> Iterator[Format]:
    for kind, pattern, *hints in _OURS:
        yield Format(kind, re.compile(f"(?<![A-Za-z0-9])(?:{pattern})", re.ASCII), tuple(hints))


def _token_check(value: str) -> bool:
    from detect_secrets.plugins.jwt import JwtTokenDetector  # noqa: PLC0415 - brings a network library

    return JwtTokenDetector.is_formally_valid(".".join(value.split(".")[:2]))


def _login(value: str) -> bool:
    """Whether this is what HTTP's basic authentication makes of a name and a password."""
    try:
        name, colon, word = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).partition(b":")
    except binascii.Error:
        return False
    return bool(colon) and len(word) >= 3 and (name + word).isascii() and (name + word).decode().isprintable()


def _address(value: str) -> bool:
    """Whether what stands before `@` in an address is a password that is used."""
    lowered = value.lower()
    return lowered not in _WEAK_WORDS and not plausible.stands_in(lowered + "abcdefgh") and "$" not in value


_WEAK_WORDS = frozenset(
    (
        *(
            "pass",
            "password",
            "passwd",
            "pw",
            "pwd",
            "secret",
            "key",
            "token",
            "user",
            "username",
            "root",
            "admin",
        ),
        *("postgres", "guest", "test", "changeme"),
    )
)
_CHECKED = (
    Format(
        "JSON Web Token",
        re.compile(r"(?<![\w-])(?P<value>eyJ[\w=-]++\.[\w=-]++(?:\.[\w.+/=-]*+)?)", re.ASCII),
        ("eyj",),
        _token_check,
    ),
    Format(
        "password in an address",
        re.compile(
            r"://(?P<user>[^\s/:@\"'<>{}$%\[\]]{0,80}+)"
            r":(?!(?P=user)@)(?P<value>[^\s/@\"'<>{}\[\]]{3,200}+)@"
        ),
        ("://",),
        _address,
        rank=2,
    ),
    Format(
        "npm token",
        re.compile(
            r"(?:(?<=:)|(?m:^[ \t]{0,9}))_(?:authToken|password|auth)[ \t]{0,9}+=[ \t]{0,9}+"
            r"[\"']?(?P<value>[^\s\"'$]{8,}+)"
        ),
        ("_auth", "_password"),
        rank=2,
    ),
    Format(
        "bearer token",
        re.compile(r"(?i:bearer)[ \t]{1,9}+(?P<value>[\w.~+/=-]{20,}+)", re.ASCII),
        ("bearer",),
        plausible.key,
        rank=3,
    ),
    Format(
        "basic authentication",
        re.compile(r"(?<!\w)(?i:basic)[ \t]{1,9}+(?P<value>[A-Za-z0-9+/]{8,}+={0,2}+)"),
        ("basic",),
        _login,
        rank=3,
    ),
    Format(
        "Azure key",
        re.compile(r"(?:SharedAccessKey|SharedAccessSignature|sig)=(?P<value>[A-Za-z0-9+/%]{40,}+={0,2}+)"),
        ("sharedaccess", "sig="),
        rank=2,
    ),
    Format(
        "password",
        re.compile(
            r"(?:(?<![\w-])(?:-u|--user)[ =]{1,3}+[\"']?[\w.@-]{1,80}+:"  # curl
            r"|(?i:identified[ ]{1,9}+by)[ ]{1,9}+'"  # SQL
            r"|(?m:^)[ \t]{0,9}+(?:requirepass|masterauth)[ \t]{1,9}+[\"']?"  # Redis
            r"|auth[ ]?=[ ]?\([ ]?[\"'][^\"'\n]{1,80}+[\"'],[ ]?[\"'])"  # Python
            r"(?P<value>[^\s\"']{6,128}+)"
        ),
        ("-u", "--user", "identified", "requirepass", "masterauth", "auth"),
        plausible.password,
        rank=4,
    ),
)
KINDS = frozenset(
    (*(row[0] for row in _DETECTED), *(row[0] for row in _OURS), *(form.kind for form in _CHECKED))
)
"""All kinds, without loading detect-secrets."""
