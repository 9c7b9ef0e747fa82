"""`panvox init`: a settings file with every setting explained, to be changed line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
from cyclopts import Parameter

from panvox.cli.exits import Exit
from panvox.errors import UsageError
from panvox.settings import FILE_NAME

TEMPLATE = """\
# Settings of panvox. Every line that is commented out shows the default: remove the # to change it.
# panvox reads the file of the project, then the user's; environment variables such as
# PANVOX_RUN__DEADLINE=60 win over both. No key belongs here: keys come from the environment.

[run]
# deadline = 120.0                  # seconds that one turn may take at most
# wait = "all"                      # all, first, first:3, deadline:20, quorum, quorum:0.7, fast, fast:10
# stop = "never"                    # certain or likely: not to wait for those who cannot change the answer
# method = "weighted"               # or majority, multi-factor, medoid, judge
# cascade = false                   # whether dearer models are asked only while cheaper ones are not sure
# cascade_below = 0.8               # the confidence below which they are
# max_tokens = 1000                 # tokens of an answer at most; left to the provider if unset
# models = ["openai/*", "!*mini*"]  # which models are asked without --models; see paid_limit if unset
# paid_limit = 25                   # how many models that may cost money are asked without a selection
# max_prompt_bytes = 4194304        # bytes of a prompt at most

[network]
# connect_timeout = 10.0            # seconds until a connection stands
# first_token_timeout = 120.0       # seconds until the first piece of an answer
# idle_timeout = 60.0               # seconds between two pieces of an answer
# total_timeout = 600.0             # seconds for a whole answer
# proxy = "http://127.0.0.1:3128"   # http://, https:// or socks5://; that of the environment if unset
# no_proxy = ["lan", "10.0.0.0/8"]  # hosts that are reached without it
# ca_file = "/etc/ssl/company.pem"  # certificates to trust besides the usual ones
# allow_plain_http = false          # whether http:// addresses beyond this machine may be asked

[local]
# enabled = true                    # whether the model on this machine may be used
# weights = "model.gguf"            # another GGUF file; the installed SmolLM2 if unset
# samples = 5                       # answers that it gives to one prompt
# context = 2048                    # tokens of prompt and answer together, for each sample
# max_tokens = 512                  # tokens of an answer at most
# threads = 4                       # threads to compute with; all cores but one, at most eight, if unset

[store]
# enabled = true                    # whether runs are kept
# path = "panvox.db"                # the SQLite file; in the user's data folder if unset

[catalogue]
# max_age = 86400.0                 # seconds that a provider's list on the disk is believed
# deadline = 10.0                   # seconds that a provider may take for its list
# probe_age = 604800.0              # seconds after which what a probe found is forgotten
# offline = true                    # whether the catalogues that come with panvox are used
# strengths = "strengths.csv"       # measured strengths, which win over published ones

# Limits hold without being set: those that ship, and those that providers tell. `panvox limits` lists them.
[limits]
# url = "valkey://127.0.0.1:6379"   # the Valkey server that shares them between processes; none if unset
# learn = true                      # whether they are learnt from what providers reply
# provider_rpm = "openai:1000"      # requests a minute by provider
# provider_concurrency = "openai:9" # calls at once by provider
# max_age = 604800.0                # seconds that a learnt limit is believed

[retry]
# attempts = 3                      # attempts in all, 1 to 4
# base = 2.0                        # seconds before the second, then doubled; the vendor's if unset, else 1
# cap = 60.0                        # seconds between two attempts at most
# jitter = 1.0                      # the part of a pause that chance decides, from 0.25 to 1
# never = ["empty"]                 # states that are not tried again
# budget = 0.2                      # retries of a provider in a minute, as a share of its calls
# patience = 120.0                  # seconds that a provider may ask us to wait

# The same for some models, by name or glob, but for budget and patience.
[retry.models]
# "company/*" = { attempts = 2, base = 5.0 }

[breaker]
# enabled = true                    # whether a model that fails again and again is left alone for a while
# failures = 5                      # failures in a row that it takes
# share = 0.5                       # or the share of failures in a minute, from ten calls on
# pause = 5.0                       # seconds until it is tried, doubled each time, 50 at most

[fallback]
# enabled = true                    # whether another model may answer when one cannot
# lineages = false                  # whether one with other weights may, without being named in a chain
# warn_above = 2.0                  # times the cost of the model asked from which that is warned of
# refuse_above = 3.0                # times the cost of the model asked from which it is left out

# Who is asked one after the other, as --chain careful
[fallback.chains]
# careful = [{ model = "company/chat-large", retries = 2, base = 5.0 }, { model = "openai/gpt-*" }]

# US dollars that may be spent. `panvox costs` tells what was.
[budget]
# run = 0.50                        # for one prompt
# day = 10.0                        # in a day, by UTC
# month = 100.0                     # in a month, by UTC
# providers = { openai = 2 }        # in a day, by provider
# tags = { thesis = 5 }             # in a day, by tag; --tag names it
# unknown_price = 15.0              # per million tokens, set aside for paid models without a known price
# free_first = false                # whether paid models are asked only when the free ones do not agree

[cache]
# enabled = true                    # whether the same question gets the same answer again, for nothing
# max_age = 3600.0                  # seconds that it does
# max_mb = 200                      # megabytes that are kept at most
# semantic = 0.95                   # how near in meaning another question may be; off if unset

# Models that judge the answers (--judge) or make one text of them (--synthesise)
[judge]
# models = ["openai/gpt-5"]         # patterns of the judges; the strongest free model that was asked if unset
# synthesis_model = "openai/gpt-5"  # who writes a synthesis; the strongest free one that was asked if unset
# below = 0.6                       # confidence below which --judge-when low asks them
# deadline = 60.0                   # seconds for all judges together, and for a synthesis
# max_comparisons = 16              # comparisons of two answers that judges make at most

# Files that all models review (panvox review)
[review]
# deadline = 1800.0                 # seconds that all reviews together may take at most
# synthesis_deadline = 300.0        # seconds for the synthesis of all reviews
# max_tokens = 4000                 # tokens of a review at most; left to the provider if unset
# oversize = "skip"                 # models too small for all files: or split, summarise, truncate
# folder = "panvox-reviews"         # where all reviews are kept; in the current folder if unset
# max_bytes = 8388608               # bytes of all files together at most
# max_file_bytes = 1048576          # bytes of one file at most
# max_files = 10000                 # files at most

# What is known better here than anywhere else, by name or glob; it wins over every other source.
[models]
# "company/chat-*" = { context = 32768, price_in = 0.2, price_out = 0.8, capabilities = ["text", "code"] }
# "company/chat-large" = { limits = { requests = ["4/minute", "200/day"], slots = 1, spacing = 1.0 } }

# Named selections, used as --models @fast
[panels]
# fast = ["groq/*", "cerebras/*"]

# Providers to ask, one block each. Without any, panvox finds the keys of known vendors in the environment
# (OPENAI_API_KEY, OPENROUTER_API_KEY, GROQ_API_KEY and more) and servers on this machine such as Ollama.
#
# [[providers]]
# id = "openai"                     # the first part of its models' names; a known vendor needs no more
#
# [[providers]]
# id = "company"
# base_url = "https://llm.example.com/v1"
# dialect = "openai"                # or responses, anthropic, gemini, ollama, cherry
# key_env = "COMPANY_LLM_KEY"       # the environment variable that holds the key
# models = ["chat-large"]           # it is asked for its list if unset
# free = true                       # whether asking it costs nothing
# limits = { requests = "60/minute", tokens = "90000/minute", slots = 5 }  # of all its accounts together
# account_limits = { spacing = 0.1 }  # of each account
# key_limits = { requests = "1000/day" }  # of each key
# proxy = "none"                    # its own proxy, or none; that of [network] if unset
# ca_file = "/etc/ssl/company.pem"  # trusted in place of the one in [network]
# allow_plain_http = false          # whether its address may be plain http://
#
# [[providers]]
# id = "groq"                       # several keys in place of key_env; `panvox keys test` tries each
# keys = [{ env = "GROQ_KEY" }, { env = "GROQ_SPARE_KEY", account = "spare", backup = true }]
"""


def init(
    *,
    user: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Write the user's file instead of one in this folder."
        ),
    ] = False,
) -> int:
    """Write a settings file with every setting explained. A file that is there stays as it is."""
    path = (platformdirs.user_config_path("panvox") if user else Path()) / FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{path} is there already and stays as it is") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    print(f"{path} is written. Change what you like; `panvox doctor` tells whether it works.")
    return Exit.ANSWERED
