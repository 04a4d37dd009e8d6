import json
import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crew.store.redact import Redactor, StreamRedactor

_ALNUM = string.ascii_letters + string.digits
_BODY = "Ab1" * 60  # letters of both cases and digits, as tokens have them

KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "\n".join(f"MIIEpAIBAAKCAQ{line:02}" + "Qx9/+" * 10 for line in range(12))
    + "\nabcd==\n-----END RSA PRIVATE KEY-----"
)

# Each is split so that this file does not hold the shapes it plants.
TOKENS = {
    "aws-key": "AKI" + "AIOSFODNN7EXAMPLE",
    "github-token": "gh" + "p_" + _BODY[:36],
    "github-token-fine": "github" + "_pat_" + _BODY[:82],
    "gitlab-token": "glp" + "at-" + _BODY[:20],
    "slack-token": "xo" + "xb-" + "1234567890-" + _BODY[:24],
    "stripe-key": "sk_" + "live_" + _BODY[:24],
    "api-key": "s" + "k-ant-api03-" + _BODY[:80],
    "google-key": "AI" + "za" + _BODY[:35],
    "npm-token": "np" + "m_" + _BODY[:36],
    "pypi-token": "py" + "pi-AgEIcHlwaS5vcmc" + _BODY[:120],
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9." + _BODY[:40] + "." + _BODY[:43],
}
CONTEXTS = {
    "bearer": ("Authorization: Bearer ", _BODY[:40], ""),
    "authorization": ("authorization: Basic ", "dXNlcjpodW50ZXIyMzQ1", ""),
    "url-password": ("https://deploy:", "hunter2-and-more", "@example.org/x.git"),
    "private-key": ("", KEY, ""),
}
RANDOM = "q7Zr2mVx9" + "TnB4wKc8LpD"
CHOSEN = "tr0ub4dor" + "&3x7"
ASSIGNED = {
    "python": ('api_key = "', RANDOM, '"'),
    "annotated": ("SECRET_KEY: str = '", RANDOM, "'"),
    "json": ('{"client_secret": "', RANDOM, '"}'),
    "typescript": ("  accessToken: `", RANDOM, "`,"),
    "ruby": (":password => '", CHOSEN, "'"),
    "go": ('Token\t:= "', RANDOM, '"'),
    "rust": ('let api_key = String::from("', RANDOM, '");'),
    "argument": ('connect(user="crew", password="', CHOSEN, '")'),
    "header": ('"X-Api-Key": "', RANDOM, '"'),
    "env": ("export SESSION_SECRET=", RANDOM, "\n"),
    "yaml": ("  db_password: ", CHOSEN, "\n"),
    "diff": ("+DB_PASS=", CHOSEN, "\n"),
    "numbered": ("    12\tAPI_TOKEN=", RANDOM, "\n"),
}
SECRETS = [
    *(("", token, "") for token in TOKENS.values()),
    *CONTEXTS.values(),
    *(secret for name, secret in ASSIGNED.items() if name not in {"env", "yaml", "diff"}),
]
KNOWN = 'pa"ss\\word with spaces\nand lines'

# What may stand around a secret: words of code and prose, none of which is one itself.
_PLAIN = string.ascii_lowercase + string.digits + " .,;:(){}[]<>=+*/%&|!?\n\t\"'\\é€"
plain_text = st.text(alphabet=st.sampled_from(_PLAIN), max_size=80)


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_a_token_of_each_shape_is_replaced(token: str) -> None:
    clean = Redactor()(f"the token is {token}, keep it safe")
    assert token not in clean
    assert clean.startswith("the token is [redacted:")
    assert clean.endswith("], keep it safe")


@pytest.mark.parametrize("kind", CONTEXTS)
def test_a_secret_known_by_its_surroundings_is_replaced_by_its_kind(kind: str) -> None:
    before, secret, after = CONTEXTS[kind]
    assert Redactor()(f"x {before}{secret}{after} y") == f"x {before}[redacted:{kind}]{after} y"


@pytest.mark.parametrize("name", ASSIGNED)
def test_a_value_is_a_secret_by_the_name_it_is_given_to(name: str) -> None:
    before, secret, after = ASSIGNED[name]
    kind = "password" if secret == CHOSEN else "secret"
    text = f"first = 1\n{before}{secret}{after}\nlast = 2"
    assert Redactor()(text) == f"first = 1\n{before}[redacted:{kind}]{after}\nlast = 2"
    once = Redactor()(json.dumps({"text": text}))
    twice = Redactor()(json.dumps({"args": json.dumps({"text": text})}))
    assert json.loads(once)["text"] == Redactor()(text)
    assert json.loads(json.loads(twice)["args"])["text"] == Redactor()(text)


@pytest.mark.parametrize(
    "text",
    [
        'token = os.environ["API_TOKEN_2026_ABCDEF12"]',
        'SECRET_KEY = "change-me-in-production-please"',
        'password_field = "user_password_confirmation2"',
        'csrf_token = "q7Zr2mVx9TnB4wKc8LpD"',
        'public_key = "q7Zr2mVx9TnB4wKc8LpD"',
        'cache_key = "q7Zr2mVx9TnB4wKc8LpD"',
        'token_url = "https://example.org/oauth2/v2/token"',
        'sha256_token_hash = "9f86d081884c7d659a2feaa0c55ad015"',
        'request_token = "550e8400-e29b-41d4-a716-446655440000"',
        "password = hashed_password2\nconnect(password=password1)",
        "  password: ${DB_PASSWORD_2}\n",
        '{"input_tokens": 120, "output_tokens": 33, "tokens": 1234567890123456}',
        "compass2026 = north4south; bypass: lane2b",
        "the password: it has to be 12chars or longer",
        "exports.AuthenticationMD5Password = AuthenticationMD5Password;\n",
    ],
)
def test_what_is_given_to_a_name_and_is_no_secret_stays(text: str) -> None:
    line = json.dumps({"text": text})
    assert (Redactor()(text), Redactor()(line)) == (text, line)
    stream = StreamRedactor(Redactor())
    assert "".join(map(stream.feed, text)) + stream.flush() == text


_DICE = random.Random(7)  # noqa: S311 - the same lines in every run
MIXED_LINES = ["".join(_DICE.choices(_ALNUM + "+/", k=64)) for _ in range(5)]


@pytest.mark.parametrize("mark", ["", "+", " ", "    12\t", "keys/id_rsa:3:"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_of_a_private_key_are_replaced_without_its_head(mark: str, end: str) -> None:
    text = "".join(f"{mark}{line}{end}" for line in MIXED_LINES)
    clean = "".join(f"{mark}[redacted:private-key]{end}" for _ in MIXED_LINES)
    assert Redactor().plain(text) == clean
    for nested in ({"text": text}, {"text": f"(lines 2-6)\n{text}"}):
        assert not [
            line
            for line in MIXED_LINES
            if line in Redactor().line(json.dumps(nested).encode()).decode()
        ]
    stream = StreamRedactor(Redactor())
    shown = "".join(stream.feed(text[at : at + 7]) for at in range(0, len(text), 7))
    assert shown + stream.flush() == clean


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN CERTIFICATE-----\n" + "\n".join(MIXED_LINES) + "\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\n" + "\n".join(MIXED_LINES) + "\n-----END PUBLIC KEY-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + "\n".join(MIXED_LINES) + "\n-----END",
        "integrity sha512-" + MIXED_LINES[0] + "\nnext\n",
        "9f86d081884c7d659a2feaa0c55ad0159f86d081884c7d659a2feaa0c55ad015\n" * 3,
        "/home/User1/projects/example/src/main/java/com/example/service/impl\n" * 3,
        "word " + MIXED_LINES[0] + "\n",
    ],
)
def test_long_words_that_are_no_key_stay(text: str) -> None:
    assert Redactor()(text) == text
    assert json.loads(Redactor()(json.dumps({"text": text}))) == {"text": text}


@settings(max_examples=150)
@given(st.sampled_from(SECRETS), plain_text, plain_text)
def test_a_json_line_stays_the_same_json_but_for_the_secret(
    secret: tuple[str, str, str], before: str, after: str
) -> None:
    lead, value, trail = secret
    text = f"{before}\n{lead}{value}{trail}\n{after}"
    line = json.dumps({"text": text, "args": {"nested": json.dumps({"text": text})}})
    clean = json.loads(Redactor().line(line.encode()))
    assert value not in clean["text"]
    assert value not in clean["args"]["nested"]
    assert value not in json.loads(clean["args"]["nested"])["text"]
    assert clean["text"].startswith(before)


@settings(max_examples=150)
@given(st.text(alphabet=st.sampled_from("\\\"'nrtbf/u0041 sk-pm_ghAKI://:@eyJ.\n\t"), max_size=60))
def test_a_json_line_always_stays_json(text: str) -> None:
    known = Redactor(["nightly-secret1", '"quoted\\', "u0041u0041"])
    for body in (
        text,
        text + TOKENS["npm-token"],
        text + "\n" + TOKENS["npm-token"][1:],
        text + "\r" + TOKENS["stripe-key"].replace("sk", "k"),
        text + "\n" + "ightly-secret1",
        "\\" + text + "nightly-secret1",
        KEY + text,
    ):
        clean = known.line(json.dumps({"a": body, "b": "end"}).encode())
        assert json.loads(clean)["b"] == "end"


@settings(max_examples=150)
@given(plain_text)
def test_ordinary_text_is_unchanged(text: str) -> None:
    line = json.dumps({"text": text}).encode()
    assert Redactor().line(line) is line or json.loads(Redactor().line(line)) == {"text": text}


@pytest.mark.parametrize(
    "text",
    [
        "a task-force-for-the-long-running-benchmark-2026 of disk-usage-report-1234567890",
        "see https://example.org:8080/path and user@example.org",
        'dsn = f"postgres://{user}:{password}@{host}/db"',
        "curl https://user:$TOKEN@example.org https://user:<token>@example.org",
        "Bearer authentication-and-authorization is described below",
        "class KeyJar: pass  # eyJ is how tokens start, AKIA too, ghp_ as well",
        "-----BEGIN CERTIFICATE-----\nMIIB" + "A" * 60 + "\n-----END CERTIFICATE-----",
        "the header -----BEGIN PRIVATE KEY----- opens a key. Text goes on after it",
    ],
)
def test_text_that_only_resembles_a_secret_is_unchanged(text: str) -> None:
    assert Redactor()(text) == text
    stream = StreamRedactor(Redactor())
    assert stream.feed(text) + stream.flush() == text


def test_redacting_twice_changes_nothing_more() -> None:
    redact = Redactor([KNOWN])
    text = "\n".join(f"{lead}{value}{trail}" for lead, value, trail in SECRETS)
    assert redact(redact(text)) == redact(text)


def test_a_private_key_without_its_end_is_replaced() -> None:
    cut = KEY[: KEY.index("abcd==")]
    assert "MIIE" not in Redactor()(f"before {cut}")
    assert "MIIE" not in Redactor()(json.dumps(f"before {cut}"))


def test_a_known_value_is_replaced_as_it_stands_and_inside_json() -> None:
    redact = Redactor([KNOWN])
    assert redact.plain(f"it is {KNOWN}!") == "it is [redacted:env]!"
    once = json.dumps({"text": KNOWN})
    twice = json.dumps({"args": once})
    assert json.loads(redact(once)) == {"text": "[redacted:env]"}
    assert json.loads(json.loads(redact(twice))["args"]) == {"text": "[redacted:env]"}


def test_a_known_value_that_is_json_does_not_tear_a_line_apart() -> None:
    credentials = '{"type":"service","id":"42"}'
    line = b'{"args":' + credentials.encode() + b"}"
    json.loads(Redactor([credentials]).line(line))


def test_the_environment_tells_its_secrets_but_not_its_plain_words() -> None:
    redact = Redactor.from_environ(
        {
            "SERVICE_API_KEY": "Zx81-Zx82-Zx83",
            "db_password": "tr0ub4dor&3",
            "MAX_TOKENS": "1234567890",
            "KEYBOARD_LAYOUT": "international",
            "SHORT_TOKEN": "Ab1",
            "EDITOR": "emacs-29.1-nox",
        }
    )
    text = "1234567890 international Ab1 emacs-29.1-nox"
    assert redact(text) == text
    assert redact("a Zx81-Zx82-Zx83 b tr0ub4dor&3") == "a [redacted:env] b [redacted:env]"


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 200_000,
        "_eyJ" * 200_000,
        "-----BEGIN PRIVATE KEY-----" * 20_000,
        "-----BEGIN PRIVATE KEY-----" + "\\" * 300_000,
        "-----BEGIN PRIVATE KEY-----" + "A" * 600_000,
        "://" * 200_000,
        "://a:" * 120_000 + "@",
        "Bearer " + "a" * 600_000,
        "sk-" + "a" * 600_000,
        "\\" * 600_000 + "known-value-1",
        "token" + "\\" * 600_000,
        "token=&:(" * 60_000,
        "password: " * 60_000,
        "api_key-" * 70_000,
        "a" * 62 + "\\" * 600_000,
        "\n".join(["-----BEGIN CERTIFICATE-----", *MIXED_LINES * 1_500]),
    ],
    ids=range(16),
)
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    began = time.process_time()
    Redactor(["known-value-1"])(text)
    assert time.process_time() - began < 5  # a quadratic pattern takes minutes


@settings(max_examples=200)
@given(
    st.sampled_from([*SECRETS, ("", KNOWN, "")]),
    plain_text,
    plain_text,
    st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=12),
)
def test_a_secret_never_leaves_a_stream_however_it_is_cut(
    secret: tuple[str, str, str], before: str, after: str, sizes: list[int]
) -> None:
    lead, value, trail = secret
    text = f"{before} {lead}{value}{trail} {after}"
    stream = StreamRedactor(Redactor([KNOWN]))
    shown, at, turn = "", 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        shown += stream.feed(text[at : at + size])
        assert value not in shown
        at, turn = at + size, turn + 1
    shown += stream.flush()
    assert value not in shown
    assert shown.startswith(before)
    assert shown.endswith(after)


@settings(max_examples=150)
@given(plain_text, st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=9))
def test_ordinary_text_comes_out_of_a_stream_as_it_went_in(text: str, sizes: list[int]) -> None:
    stream = StreamRedactor(Redactor())
    shown, at, turn = "", 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        shown += stream.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert shown + stream.flush() == text


def test_a_stream_holds_back_no_more_than_a_word() -> None:
    stream = StreamRedactor(Redactor())
    assert stream.feed("some words that stre") == "some words that "
    assert stream.feed("am on") == "stream "
    long_word = "x" * 5000
    assert len(stream.feed(long_word)) > 4000


def test_a_secret_that_another_one_may_begin_in_is_held_back_as_a_whole() -> None:
    stream = StreamRedactor(Redactor(["first word9", "word9 second"]))
    shown = stream.feed("a first word9 ") + stream.feed("and more ")
    assert shown + stream.flush() == "a [redacted:env] and more "


@pytest.mark.parametrize("step", [1, 7, 600])
def test_a_token_longer_than_what_is_held_is_swallowed_whole(step: int) -> None:
    token = "ey" + "J" + _BODY * 20
    text = f"before {token} after"
    stream = StreamRedactor(Redactor())
    shown = "".join(stream.feed(text[at : at + step]) for at in range(0, len(text), step))
    assert shown + stream.flush() == "before [redacted:token] after"


@pytest.mark.parametrize("step", [97, 997, 40_000])
def test_a_private_key_longer_than_what_is_held_is_swallowed_whole(step: int) -> None:
    head, tail = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    body = "\n".join("Qx9/+" * 12 + "AbCd" for _ in range(600))
    text = f"before {head}\n{body}\n{tail} after"
    stream = StreamRedactor(Redactor())
    shown = "".join(stream.feed(text[at : at + step]) for at in range(0, len(text), step))
    assert shown + stream.flush() == "before [redacted:private-key] after"


def test_a_private_key_that_is_read_with_numbered_lines_is_replaced() -> None:
    lines = KEY.splitlines()[:-1]
    numbered = "\n".join(f"{number:>6}\t{line}" for number, line in enumerate(lines, start=1))
    shown = Redactor().plain(numbered)
    assert shown.split() == ["1", "[redacted:private-key]"]
    assert "PRIVATE" not in Redactor()(json.dumps({"text": numbered}))
