"""Issues of made-up files, each told several times in different words; all written by hand, none by a model.

Thresholds of grouping were chosen on the files of `CHOSEN_ON` and are measured on those of `MEASURED_ON`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Words(NamedTuple):
    """One way to tell an issue: the lines that it names, None for none; no path where `placeless`."""

    line: int | None
    title: str
    text: str = ""
    placeless: bool = False


Issue = Sequence[Words]
Files = Mapping[str, Sequence[Issue]]

CHOSEN_ON: Files = {
    "src/auth/login.py": (
        (
            Words(
                14,
                "SQL injection in `find_user`",
                "The user name is formatted into the query. Use bound parameters.",
            ),
            Words(
                15,
                "User input is concatenated into the SQL statement",
                "An attacker can read the whole table.",
            ),
            Words(
                14, "Unparameterised query allows injection", "Build the statement with placeholders instead."
            ),
            Words(
                None, "The database query is built with an f-string from untrusted input", "Use parameters."
            ),
            Words(14, "SQL-Injection möglich, da der Name direkt in die Abfrage eingesetzt wird"),
        ),
        (
            Words(31, "Passwords are compared with `==`", "This leaks timing. Use `hmac.compare_digest`."),
            Words(31, "Timing attack on password comparison", "The comparison is not constant-time."),
            Words(
                30, "Non-constant-time comparison of secrets", "`==` returns early; prefer compare_digest."
            ),
        ),
        (
            Words(27, "Passwords are hashed with MD5", "MD5 is broken; use bcrypt or argon2."),
            Words(
                27,
                "Weak hash algorithm for passwords",
                "Switch from md5 to a slow password hash such as argon2.",
            ),
            Words(26, "Insecure password hashing (MD5, no salt)", "Rainbow tables recover them in seconds."),
        ),
        (
            Words(44, "No limit on login attempts", "Brute force is possible. Add rate limiting."),
            Words(40, "Missing rate limiting on login", "An attacker may guess passwords without end."),
            Words(None, "Login can be brute-forced because attempts are not throttled"),
        ),
        (
            Words(
                52, "Session token is written to the log", "Whoever reads the logs can take over sessions."
            ),
            Words(52, "Sensitive data in logs", "The session token should not be logged."),
            Words(52, "Logging leaks the token", "Remove the token from the debug message."),
        ),
        (
            Words(60, "Session never expires", "Set a lifetime for tokens."),
            Words(61, "Tokens have no expiry", "A stolen session token stays valid for ever."),
        ),
    ),
    "src/net/client.ts": (
        (
            Words(22, "No timeout on fetch", "A server that hangs blocks the caller for ever."),
            Words(22, "HTTP request without a timeout", "Pass an AbortSignal with a deadline."),
            Words(21, "The request can hang indefinitely", "Add a timeout to the fetch call."),
            Words(22, "fetch 没有设置超时", "服务器不响应时请求会一直挂起。"),
        ),
        (
            Words(28, "Response status is not checked", "A 500 is parsed as if it were a result."),
            Words(28, "Missing check of `response.ok`", "Error responses are treated as success."),
            Words(27, "HTTP errors are silently ignored", "Throw when the status is not 2xx."),
        ),
        (
            Words(35, "Retries without backoff", "The loop hammers the server when that is down."),
            Words(36, "Retry loop has no delay between attempts", "Use exponential backoff with jitter."),
            Words(34, "Immediate retries may overload the backend", "Wait longer after each failure."),
        ),
        (
            Words(
                35, "POST requests are retried", "Orders may be placed twice, as the call is not idempotent."
            ),
            Words(
                37,
                "Non-idempotent calls are repeated on failure",
                "Send an idempotency key or do not retry POST.",
            ),
        ),
        (
            Words(50, "Promise is not awaited", "Errors of `save()` become unhandled rejections."),
            Words(
                50, "Missing `await` in front of save()", "The function returns before the data is stored."
            ),
            Words(49, "Floating promise: rejection of save is never handled"),
        ),
    ),
    "lib/cache.go": (
        (
            Words(18, "Map is accessed without a lock", "Concurrent writes crash the program."),
            Words(19, "Data race on the cache map", "Guard it with a mutex or use sync.Map."),
            Words(
                18, "Concurrent map access is not synchronised", "Goroutines read and write `items` at once."
            ),
        ),
        (
            Words(33, "Cache grows without bound", "Old entries are never evicted: a memory leak."),
            Words(None, "Memory leak: entries are never removed from the cache"),
            Words(33, "Missing eviction policy", "The map keeps every key for ever. Use an LRU."),
        ),
        (
            Words(41, "Error of `json.Unmarshal` is ignored", "Corrupt data gives an empty value."),
            Words(41, "Unchecked error return", "The result of Unmarshal should be checked."),
            Words(42, "Decoding errors are discarded with `_`", "Return them to the caller."),
        ),
        (
            Words(47, "File handle is never closed", "Add `defer f.Close()`."),
            Words(46, "Resource leak: missing Close on the file", "Descriptors run out under load."),
        ),
    ),
}

MEASURED_ON: Files = {
    "app/orders.py": (
        (
            Words(12, "Money is stored as float", "Rounding errors add up. Use Decimal."),
            Words(12, "Floating point used for currency", "0.1 + 0.2 is not 0.3; prefer Decimal or cents."),
            Words(
                11,
                "Imprecise arithmetic for prices",
                "Binary floats cannot represent amounts of money exactly.",
            ),
        ),
        (
            Words(20, "Division by zero when the cart is empty", "`len(items)` may be 0."),
            Words(20, "ZeroDivisionError for an empty list of items", "Return 0 where there are none."),
            Words(21, "average() crashes on empty input", "Guard against an empty cart before dividing."),
            Words(20, "Division durch null bei leerem Warenkorb"),
        ),
        (
            Words(24, "Mutable default argument `items=[]`", "The list is shared between calls."),
            Words(24, "Default list is shared across invocations", "Use None and create the list inside."),
            Words(
                23,
                "Dangerous default value as argument",
                "A mutable list as default keeps state between calls.",
            ),
        ),
        (
            Words(38, "Discount is applied twice", "Both `price` and `total` subtract it."),
            Words(39, "Double discount", "The reduction is subtracted in two places."),
            Words(37, "Customers get the rebate two times", "total() takes off the discount again."),
        ),
        (
            Words(
                38,
                "Discount is not validated",
                "A negative or too large discount changes the sign of the total.",
            ),
            Words(40, "Missing bounds check for discount", "Values above 100 percent give negative totals."),
        ),
        (
            Words(
                55,
                "Race condition when stock is decremented",
                "Two orders may take the last item. Lock the row.",
            ),
            Words(54, "Stock update is not atomic", "Read and write happen in two steps; use a transaction."),
            Words(
                None,
                "Overselling is possible under concurrent orders",
                "Check and decrement of stock is not atomic.",
            ),
        ),
        (
            Words(70, "Broad `except Exception` hides errors", "Catch what is expected, and log the rest."),
            Words(
                70, "Exceptions are swallowed silently", "The bare except with pass makes failures invisible."
            ),
            Words(71, "Overly broad exception handling", "All errors are caught and ignored."),
        ),
    ),
    "web/upload.js": (
        (
            Words(
                9, "Path traversal through the file name", "`../../etc/passwd` writes outside of the folder."
            ),
            Words(
                10,
                "Unsanitised file name is joined to the path",
                "An attacker can write outside the upload directory.",
            ),
            Words(9, "Directory traversal vulnerability", "Take path.basename of the name before joining."),
            Words(9, "文件名未经检查，存在路径遍历漏洞"),
        ),
        (
            Words(16, "No limit on the size of uploads", "A huge file fills the disk."),
            Words(15, "Upload size is unbounded", "Reject bodies above some megabytes."),
            Words(16, "Missing maximum file size", "Denial of service by very large uploads."),
        ),
        (
            Words(18, "File type is not verified", "Executables and scripts are accepted."),
            Words(17, "Any MIME type can be uploaded", "Check the type of the file against an allow-list."),
        ),
        (
            Words(30, "XSS: file name is put into innerHTML", "Use textContent."),
            Words(
                31,
                "Cross-site scripting via unescaped name",
                "HTML in the file name is executed by the browser.",
            ),
            Words(30, "Unescaped output in the page", "innerHTML with user input allows script injection."),
        ),
        (
            Words(44, "Event listener is never removed", "Each upload adds another one: a leak."),
            Words(44, "Listeners pile up", "removeEventListener is missing when the dialog closes."),
        ),
        (
            Words(52, "Synchronous file I/O blocks the event loop", "Use fs.promises."),
            Words(
                52,
                "readFileSync in a request handler",
                "All other requests wait. Use the asynchronous version.",
            ),
            Words(51, "Blocking call in the hot path", "Reading the file synchronously stalls the server."),
        ),
    ),
    "core/parse.c": (
        (
            Words(33, "Buffer overflow in strcpy", "The input may be longer than `buf`. Use a bounded copy."),
            Words(33, "Unbounded copy into a fixed buffer", "strcpy does not check the length."),
            Words(34, "Stack overflow through long input", "Replace strcpy by strlcpy with the size of buf."),
        ),
        (
            Words(35, "Result of malloc is not checked", "NULL is dereferenced when memory runs out."),
            Words(36, "Missing NULL check after allocation", "malloc can fail."),
            Words(35, "Possible null pointer dereference", "The return value of malloc should be tested."),
        ),
        (
            Words(58, "Memory leak on the error path", "`node` is not freed before returning."),
            Words(59, "Missing free before early return", "The allocated node leaks when parsing fails."),
        ),
        (
            Words(64, "Off-by-one in the loop", "`<=` reads one element past the end."),
            Words(64, "Loop reads beyond the array", "The condition should be i < n."),
            Words(63, "Out-of-bounds read of one element", "The bound is inclusive and must not be."),
        ),
        (
            Words(80, "Integer overflow in the size computation", "count * size may wrap around."),
            Words(80, "Multiplication can overflow", "Check count against SIZE_MAX / size first."),
        ),
        (
            Words(None, "No tests for malformed input", "Add cases for truncated files.", placeless=True),
            Words(
                None, "Tests are missing for invalid files", "Only the happy path is covered.", placeless=True
            ),
            Words(None, "Insufficient test coverage of error cases", placeless=True),
        ),
    ),
}
