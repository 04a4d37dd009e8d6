"""The security checks: each planted mistake is found at its line, and nothing else is."""

import random
import string

import anyio
import pytest

from crew.records import JsonObject
from tests.doubles.snippets import checked, marked, places

_DICE = random.Random(20)  # noqa: S311 - the same look-alikes in every run


def _token(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_DICE.choice(alphabet) for _ in range(length))


GITHUB = "ghp_" + _token(36)
AWS = "AKIA" + _token(16, string.ascii_uppercase + "234567")
SLACK = "xoxb-" + _token(12, string.digits) + "-" + _token(24)
STRIPE = "sk_live_" + _token(24)
GOOGLE = "AIza" + _token(35)
ANTHROPIC = "sk-ant-api03-" + _token(40)
OPENAI = "sk-proj-" + _token(48)
OTHER_KEY = "sk-live-" + _token(28)
JWT = f"eyJ{_token(20)}.eyJ{_token(40)}.{_token(43)}"
KEY_LINE = _token(64)
RANDOM = _token(40)
HEX = _token(32, "0123456789abcdef")
PASSWORD = "tr0ub4dor&3" + "x7"

GUESSABLE = "hunter" + "2"

SNIPPETS = {
    "secrets/settings.py": f"""
        import os

        §secret§GITHUB = "{GITHUB}"
        §secret§aws_access_key_id = '{AWS}'
        TOKEN = os.environ["GITHUB_TOKEN"]
        §secret§api_key = "{RANDOM}"
        API_KEY = os.getenv("API_KEY", "")
        token_url = "https://example.org/oauth/token"
        secret_name = "projects/prod/secrets/db-password"
        SECRET_KEY = "change-me-in-production-please"
        password_field = "user_password_confirmation"
        §secret§connect(user="crew", password="{PASSWORD}")
        §secret§PASSWORD = "{GUESSABLE}"
        CONFIRM_PASSWORD = "password2"
        PASSWORD = "password"
        PASSWORD_INPUT = "{GUESSABLE}"
        sha256_token_hash = "{_token(64, "0123456789abcdef")}"
        api_key: str = "your-api-key-goes-here-1234"
        AUTH_TOKEN_HEADER = "X-Auth-Token-V2"
        DOC = "set AWS_ACCESS_KEY_ID to AKIAIOSFODNN7EXAMPLE first"
        request_id = "550e8400-e29b-41d4-a716-446655440000"
        token_pattern = "[A-Za-z0-9_]{{20,40}}"
        password = getpass("Password: ")
        """,
    "secrets/doubtful.py": f"""
        §secret§API_KEY = "{OTHER_KEY}"
        §secret§client = Client("{OTHER_KEY}")
        §secret§connect("ghp_{GITHUB[4:28]}")
        §secret§stripe.configure("sk_test_{STRIPE[8:]}")
        §secret§headers = {{"Authorization": "Bearer {RANDOM}"}}
        client = Client("sk-your-own-key-goes-here-0123")
        client = Client("sk-xxxxxxxxxxxxxxxxxxxxxxxx01")
        theme = "sk-folding-cube-with-shadow-column2"
        build = "sk-release-candidate-20240131-final"
        headers = {{"Authorization": "Token access_token_of_user"}}
    """,
    "secrets/client.ts": f"""
        const stripe = new Stripe(process.env.STRIPE_KEY!);
        §secret§const live = new Stripe("{STRIPE}");
        §secret§export const config = {{ apiKey: "{GOOGLE}" }};
        §secret§const ai = new Anthropic({{ apiKey: "{ANTHROPIC}" }});
        §secret§fetch(url, {{ headers: {{ Authorization: "Bearer {JWT}" }} }});
        const label = {{ password: "Password", token: "Access token" }};
        const key = `${{process.env.API_KEY}}`;
        type Props = {{ accessToken: string; password?: string }};
        const testKey = "sk_test_" + suffix;
        """,
    "secrets/deploy.yml": f"""
        env:
          TOKEN: ${{{{ secrets.GITHUB_TOKEN }}}}
          §secret§SLACK_TOKEN: {SLACK}
          §secret§api_key: {RANDOM}
          password: ${{DB_PASSWORD}}
          password_file: /run/secrets/db
        image: registry.example.org/app@sha256:{_token(64, "0123456789abcdef")}
        """,
    "secrets/.env": f"""
        §secret§OPENAI_API_KEY={OPENAI}
        §secret§DB_PASSWORD={PASSWORD}
        §secret§SESSION_SECRET={HEX}
        APP_ENV=production
        API_KEY=
        PASSWORD=changeme
        """,
    "secrets/.env.example": f"""
        API_KEY={RANDOM}
        DB_PASSWORD={PASSWORD}
        """,
    "secrets/addresses.go": """
        package config

        §secret§const dsn = "postgres://crew:Qx7nnTr2Lp9@db.prod.internal:5432/crew"
        const local = "postgres://postgres:postgres@localhost:5432/test"
        §secret§const inner = "redis://user:Qx7nnTr2Lp9@redis:6379"
        const compose = "redis://user:redis123@redis:6379"
        var built = fmt.Sprintf("postgres://%s:%s@db.prod.internal/crew", user, pass)
        var shell = "mysql://root:${MYSQL_PASSWORD}@db.prod.internal/crew"
        const docs = "see https://example.org:8080/a@b"
        """,
    "secrets/id_rsa": f"""
        §private-key§-----BEGIN OPENSSH PRIVATE KEY-----
        {KEY_LINE}
        {_token(64)}
        -----END OPENSSH PRIVATE KEY-----
        """,
    "secrets/pem.py": """
        HEADER = "-----BEGIN PRIVATE KEY-----"
        if not text.startswith("-----BEGIN RSA PRIVATE KEY-----"):
            raise ValueError("not a key")
        """,
    "tests/test_client.py": f"""
        def test_login(client):
            assert client.login(token="{RANDOM}").ok
            assert client.login(password="{PASSWORD}").ok
        """,
    "pkg/package-lock.json": f"""
        {{"integrity": "sha512-{_token(86)}==", "token": "{GITHUB}"}}
        """,
    "shell/run.py": """
        import os
        import subprocess

        def run(path, name):
            §S605§os.system(f"rm -rf {path}")
            §S602§subprocess.run("cat " + name, shell=True, check=True)
            subprocess.run(["cat", name], check=True)
            subprocess.run("make all", shell=True, check=True)
            §S307§return eval(name)
        """,
    "shell/run.js": """
        const { exec, execFile, execSync } = require("child_process");
        §shell-injection§exec(`git log ${branch}`, done);
        §shell-injection§execSync("rm -rf " + dir);
        exec("git status", done);
        execFile("git", ["log", branch], done);
        const found = /a(b)/.exec(text);
        §eval§const value = eval(source);
        const fixed = eval("1 + 1");
        """,
    "shell/regex.js": """
        const parts = pattern.exec(`${name}.${kind}`);
        """,
    "shell/run.rb": """
        §shell-injection§system("tar xf #{archive}")
        §shell-injection§out = `ls #{dir}`
        system("tar", "xf", archive)
        system("tar xf #{Shellwords.escape(archive)}")
        puts "done with #{archive}"
        """,
    "shell/run.go": """
        package main

        func run(name string) {
        §shell-injection§exec.Command("sh", "-c", fmt.Sprintf("cat %s", name)).Run()
        §shell-injection§exec.Command("bash", "-c", "cat "+name).Run()
        exec.Command("cat", name).Run()
        exec.Command("sh", "-c", "echo ok").Run()
        }
        """,
    "shell/run.php": """
        <?php
        §shell-injection§shell_exec("convert $file out.png");
        §shell-injection§exec('rm ' . $file);
        exec('convert ' . escapeshellarg($file));
        $statement->exec("DELETE FROM cache");
        """,
    "shell/Run.java": """
        class Run {
            void run(String name) throws Exception {
                §shell-injection§Runtime.getRuntime().exec("cat " + name);
                new ProcessBuilder("cat", name).start();
            }
        }
        """,
    "shell/run.rs": """
        fn run(name: &str) {
            §shell-injection§Command::new("sh").arg("-c").arg(format!("cat {name}")).status();
            Command::new("cat").arg(name).status();
        }
        """,
    "shell/run.sh": """
        #!/bin/sh
        §shell-injection§eval "$1"
        eval "$(ssh-agent -s)"
        §certificate-check-off§curl -fsSk https://example.org/install.sh
        curl -fsSL https://example.org/install.sh -o kept.sh
        """,
    "sql/store.py": """
        COLUMNS = "id, name"

        def load(cursor, name, table, ids, limit):
            §sql-injection§cursor.execute(f"SELECT * FROM users WHERE name = '{name}'")
            §sql-injection§cursor.execute("SELECT * FROM users WHERE name = '%s'" % name)
            §sql-injection§cursor.execute("DELETE FROM users WHERE name = '{}'".format(name))
            §sql-injection§cursor.execute("SELECT id FROM users WHERE name = " + name)
            cursor.execute("SELECT * FROM users WHERE name = %s", (name,))
            cursor.execute(f"SELECT {COLUMNS} FROM users WHERE name = ?", (name,))
            cursor.execute(f"SELECT id FROM users LIMIT {int(limit)}")
            placeholders = ", ".join("?" for _ in ids)
            cursor.execute(f"SELECT id FROM users WHERE id IN ({placeholders})", ids)
            print(f"Select a team from {name}")
            raise ValueError(f"update {name} with care")
        """,
    "sql/multi.py": """
        def load(cursor, since):
            return cursor.execute(
                §sql-injection§f'''
                SELECT id, name
                FROM events
                WHERE at > '{since}'
                '''
            )
        """,
    "sql/store.ts": """
        §sql-injection§db.query(`SELECT * FROM users WHERE id = ${req.params.id}`);
        §sql-injection§db.query("SELECT * FROM users WHERE id = " + id);
        db.query("SELECT * FROM users WHERE id = $1", [id]);
        const rows = await sql`SELECT * FROM users WHERE id = ${id}`;
        const text = `Select ${name} from the list`;
        """,
    "sql/store.go": """
        package store

        §sql-injection§var q = fmt.Sprintf("SELECT id FROM users WHERE name = '%s'", name)
        var limited = fmt.Sprintf("SELECT id FROM users LIMIT %d", limit)
        var rows, err = db.Query("SELECT id FROM users WHERE name = $1", name)
        """,
    "sql/Store.java": """
        class Store {
            void load(Statement s, String name) {
                §sql-injection§s.executeQuery("SELECT id FROM users WHERE name = '" + name + "'");
                connection.prepareStatement("SELECT id FROM users WHERE name = ?");
            }
        }
        """,
    "sql/store.rb": """
        §sql-injection§User.find_by_sql("SELECT * FROM users WHERE name = '#{params[:name]}'")
        User.where("name = ?", params[:name])
        """,
    "sql/store.php": """
        <?php
        §sql-injection§$db->query("SELECT * FROM users WHERE id = $id");
        §sql-injection§$db->query("SELECT * FROM users WHERE id = " . $id);
        $db->prepare('SELECT * FROM users WHERE id = $id');
        """,
    ".github/workflows/ci.yml": """
        on: pull_request
        jobs:
          build:
            env:
              TITLE: ${{ github.event.pull_request.title }}
            steps:
              §workflow-injection§- run: echo "${{ github.event.pull_request.title }}"
              - run: |
                  echo start
                  §workflow-injection§echo "${{ github.head_ref }}"
              - run: echo "$TITLE" "${{ github.sha }}"
              - name: ${{ github.event.pull_request.title }}
        """,
    "tls/client.go": """
        package client

        §certificate-check-off§var config = &tls.Config{InsecureSkipVerify: true}
        var strict = &tls.Config{InsecureSkipVerify: false}
        """,
    "tls/client.js": """
        §certificate-check-off§const agent = new https.Agent({ rejectUnauthorized: false });
        // rejectUnauthorized: false would be wrong here
        """,
    "tls/client.py": """
        import requests
        import yaml

        def get(url, text):
            §certificate-check-off§requests.get(url, verify=False, timeout=5)
            requests.get(url, timeout=5)
            §S506§yaml.load(text, Loader=yaml.Loader)
            return yaml.safe_load(text)
        """,
    "crypto/hash.py": """
        import hashlib
        import random
        import secrets

        def tokens(text):
            hashlib.md5(text, usedforsecurity=False)
            hashlib.sha256(text)
            random.choice([1, 2])
            assert secrets.token_hex()
        """,
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[JsonObject]]:
    """What one run over all snippets finds."""
    return anyio.run(checked, tmp_path_factory.mktemp("security"), SNIPPETS, "security")


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_is_marked_is_found_and_nothing_else(
    findings: dict[str, list[JsonObject]], name: str
) -> None:
    loud = [found for found in findings[name] if found["confidence"] > 0.4]
    assert places(loud) == marked(SNIPPETS[name])


def test_no_secret_is_repeated(findings: dict[str, list[JsonObject]]) -> None:
    everything = str(findings)
    secrets = (GITHUB, AWS, SLACK, STRIPE, GOOGLE, ANTHROPIC, OPENAI, OTHER_KEY, JWT)
    others = (KEY_LINE, RANDOM, HEX, PASSWORD, "Qx7nnTr2Lp9")
    assert [secret for secret in (*secrets, *others) if secret in everything] == []


def test_a_secrets_quote_is_its_line_without_it(findings: dict[str, list[JsonObject]]) -> None:
    quotes = {found["line"]: found.get("quote") for found in findings["secrets/settings.py"]}
    assert quotes[3] == 'GITHUB = "[redacted:github-token]"'
    assert quotes[12] == 'connect(user="crew", password="[redacted:password]")'


def test_secrets_told_by_shape_weigh_most(findings: dict[str, list[JsonObject]]) -> None:
    ranks = {found["line"]: found["priority"] for found in findings["secrets/settings.py"]}
    assert (ranks[3], ranks[6], ranks[12]) == ("P0", "P1", "P2")


def test_what_only_its_shape_or_its_name_tells_weighs_less(
    findings: dict[str, list[JsonObject]],
) -> None:
    ranks = {found["line"]: found["priority"] for found in findings["secrets/doubtful.py"]}
    assert ranks == {1: "P1", 2: "P2", 3: "P2", 4: "P2", 5: "P2"}


def test_example_values_in_tests_are_quiet(findings: dict[str, list[JsonObject]]) -> None:
    assert [found["rule"] for found in findings["tests/test_client.py"]] == []
