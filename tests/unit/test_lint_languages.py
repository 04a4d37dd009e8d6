"""Mistakes of many languages: each planted one is found at its line, its look-alikes are not."""

import random
import string

import anyio
import pytest

from crew.records import JsonObject
from tests.doubles.repository import Repository
from tests.doubles.snippets import checked, lint, marked, places

_DICE = random.Random(11)  # noqa: S311 - the same key in every run
_KEY_LINES = ["".join(_DICE.choices(string.ascii_letters + string.digits, k=64)) for _ in range(6)]

SNIPPETS = {
    "py/web.py": """
        import random
        import secrets

        import jwt
        from flask import redirect, request, send_file

        def answer(session, token, password, rows, engine, text, name):
            §certificate-check-off§session.get("https://a.example", verify=False)
            session.get("https://a.example", verify=True)
            §unsigned-token§jwt.decode(token, "k", options={"verify_signature": False})
            jwt.decode(token, "k", algorithms=["HS256"])
            §guessable-secret§reset_token = random.randint(1, 10**9)
            other_token = secrets.token_hex()
            chosen = random.choice(rows)
            §sql-injection§engine.execute(text(f"name = '{name}'"))
            §request-trusted§return redirect(request.args["next"])
            return send_file("static/logo.png")
        """,
    "js/page.ts": """
        §html-injection§list.innerHTML = "<li>" + name + "</li>";
        §html-injection§list.innerHTML += `<li>${name}</li>`;
        list.innerHTML = "";
        list.innerHTML = "<b>fixed</b>";
        list.innerHTML = DOMPurify.sanitize(`<li>${name}</li>`);
        list.textContent = "<li>" + name;
        §html-injection§document.write("<p>" + location.hash + "</p>");
        document.write("<p>fixed</p>");
        §html-injection§const view = <div dangerouslySetInnerHTML={{ __html: body }} />;
        const safe = <div dangerouslySetInnerHTML={{ __html: sanitize(body) }} />;
        §assigned-condition§if (state = "open") { close(); }
        if (state === "open") { close(); }
        if ((match = pattern.exec(text))) { use(match); }
        §constant-comparison§if (total === NaN) { fail(); }
        §constant-comparison§if (typeof total === "undefind") { fail(); }
        if (typeof total === "undefined") { fail(); }
        §misused-call§rows.forEach(async (row) => { await save(row); });
        rows.forEach((row) => save(row));
        §guessable-secret§const sessionToken = Math.random().toString(36);
        const shade = Math.random();
        §eval§const made = eval(text);
        §eval§const add = new Function("a", "b", "return " + text);
        §eval§setTimeout("run(" + text + ")", 10);
        setTimeout(() => run(text), 10);
        §html-injection§list.innerHTML = name;
        list.innerHTML = template;
        list.innerHTML = render(name);
        §html-injection§list.innerHTML = await response.text();
        §html-injection§list.innerHTML = describe(name).trim();
        list.innerHTML = await renderList(name);
        list.innerHTML = await DOMPurify.sanitize(name);
        list.innerHTML = buildTemplate(name);
        """,
    "js/suite.js": """
        §focused-test§describe.only("store", () => {
          fit(size, screen);
        });
        """,
    "js/server.js": """
        const { exec } = require("child_process");
        app.get("/", (req, res) => {
          §request-trusted§exec(req.query.command);
          §request-trusted§res.redirect(req.query.next);
          §request-trusted§res.send("<h1>" + req.query.name);
          §request-trusted§fs.readFile(base + req.params.name, done);
          fs.readFile(base + path.basename(req.params.name), done);
          res.redirect("/login");
          res.json(req.body);
        });
        """,
    "go/main.go": """
        package main

        func run(data []byte, v any) {
        §misused-call§resp, _ := http.Get("https://a.example")
        §misused-call§rows, _ := db.Query("SELECT 1")
        n, _ := fmt.Println("x")
        page, err := http.Get("https://a.example")
        §used-before-check§defer page.Body.Close()
        other, err := http.Get("https://a.example")
        if err != nil {
            return
        }
        defer other.Body.Close()
        §misused-call§json.Unmarshal(data, v)
        if err := json.Unmarshal(data, v); err != nil {
            return
        }
        }
        """,
    "rust/lib.rs": """
        fn load(name: &str) -> Vec<Row> {
            §sql-injection§let query = format!("SELECT * FROM rows WHERE name = '{name}'");
            let count = format!("{name} rows");
            §misused-call§todo!()
        }
        """,
    "java/Shop.java": """
        class Shop {
            boolean paid(String state) {
                §constant-comparison§return state == "paid";
            }
            boolean open(String state) {
                return "open".equals(state) && state != null;
            }
        }
        """,
    "ruby/store.rb": """
        class Store
          def find
            §sql-injection§User.where("name = '#{params[:name]}'")
            User.where("name = ?", params[:name])
            §request-trusted§redirect_to params[:back]
            redirect_to root_path
            §request-trusted§eval(params[:code])
            §assigned-condition§if state = "paid"
              pay
            end
            User.order("#{column} desc")
          end
        end
        """,
    "php/page.php": """
        <?php
        §request-trusted§echo "Hello " . $_GET["name"];
        echo "Hello " . htmlspecialchars($_GET["name"]);
        §request-trusted§include $_GET["page"];
        include "header.php";
        §sql-injection§$rows = $query->whereRaw("name = '$name'")->get();
        $rows = $query->where("name", $name)->get();
        §request-trusted§unserialize($_COOKIE["cart"]);
        """,
    "c/main.c": """
        #include <stdio.h>
        int main(int argc, char **argv) {
            char line[64];
            §memory-unsafe§gets(line);
            fgets(line, sizeof line, stdin);
            §memory-unsafe§scanf("%s", line);
            scanf("%63s", line);
            §memory-unsafe§printf(line);
            printf("%s", line);
            §memory-unsafe§strcpy(line, argv[1]);
            §shell-command§system(line);
            system("date");
            §misused-call§memset(line, sizeof(line), 0);
            memset(line, 0, sizeof(line));
            §assigned-condition§if (argc = 1) return 1;
            §sql-injection§sprintf(line, "SELECT id FROM users WHERE name = '%s'", argv[1]);
        }
        """,
    "sh/deploy.sh": """
        #!/bin/bash
        §piped-to-shell§curl -fsSL https://a.example/install.sh | sudo bash
        §piped-to-shell§bash <(wget -qO- https://a.example/install.sh)
        curl -fsSL https://a.example/data.json | jq .
        §unguarded-delete§rm -rf "$TARGET/"
        §unguarded-delete§rm -rf ${BUILD_ROOT}/*
        §unguarded-delete§rm -rf $OLD
        rm -rf "${OUT:?}/"
        rm -rf "$KNOWN/"
        KNOWN=/tmp/known
        rm -f "$TARGET/one.txt"
        rm -rf "$TARGET/build"
        rm -rf "$TARGET"
        rm -rf $HOME/.cache/tool $GITHUB_WORKSPACE/out
        §unguarded-delete§rm -rf "$1"/*
        §lost-folder§cd $1 && rm -rf *
        cd /srv/app && rm -rf ./*
        §secret§export DB_PASSWORD=hunter22xyz
        export DB_PASSWORD=$(cat /run/secrets/db)
        DB_PASSWORD=${2:-none22none}
        §world-writable§chmod -R 777 /srv/app
        chmod 755 /srv/app
        chmod 1777 /tmp
        """,
    "sh/strict.sh": """
        #!/bin/bash
        set -euo pipefail
        rm -rf "$TARGET/"
        """,
    "sql/change.sql": """
        -- every order goes
        DELETE FROM orders;

        SELECT 1;
        §whole-table§DELETE FROM orders;
        DELETE FROM orders WHERE id = 1;
        §whole-table§UPDATE users SET admin = true;
        UPDATE users SET admin = NULL WHERE id = 1;
        §open-infrastructure§GRANT ALL PRIVILEGES ON *.* TO 'app'@'%';
        GRANT SELECT ON shop.orders TO 'app'@'10.0.0.1';
        §constant-comparison§SELECT id FROM users WHERE name = NULL;
        SELECT id FROM users WHERE name IS NULL;
        """,
    "box/Dockerfile": """
        FROM debian:12
        §open-infrastructure§ADD https://a.example/tool.tgz /opt/
        ADD --checksum=sha256:0123 https://a.example/tool.tgz /opt/
        COPY tool.tgz /opt/
        §piped-to-shell§RUN curl -sSL https://a.example/install.sh | sh
        §certificate-check-off§RUN curl -k https://a.example/x -o /x
        §world-writable§RUN chmod 777 /opt
        """,
    "cloud/main.tf": """
        resource "aws_security_group" "db" {
          ingress {
            from_port   = 22
            to_port     = 22
            §open-port§cidr_blocks = ["0.0.0.0/0"]
          }
          egress {
            from_port   = 0
            to_port     = 0
            cidr_blocks = ["0.0.0.0/0"]
          }
        }
        resource "aws_security_group" "web" {
          ingress {
            from_port   = 443
            to_port     = 443
            cidr_blocks = ["0.0.0.0/0"]
          }
        }
        resource "aws_db_instance" "db" {
          §open-infrastructure§publicly_accessible = true
        }
        """,
    ".github/workflows/pr.yml": """
        on:
          pull_request_target:
        jobs:
          build:
            steps:
              - uses: actions/checkout@v4
                with:
                  §workflow-foreign-code§ref: ${{ github.event.pull_request.head.sha }}
              - run: make
        """,
    "data/wrong.yaml": """
        one: 1
          §invalid-data§two: 2
        """,
    "box/compose.yml": """
        services:
          app:
            §open-infrastructure§privileged: true
            volumes:
              §open-infrastructure§- /var/run/docker.sock:/var/run/docker.sock
              - ./data:/data
            environment:
              §secret§POSTGRES_PASSWORD: s3cretPassw0rd9
              OTHER_PASSWORD: ${OTHER_PASSWORD}
        """,
    "data/twice.yml": """
        services:
          web: {image: a}
          §duplicate-key§web: {image: b}
        other: [a, a]
        base: &base {x: 1}
        both:
          <<: *base
          x: {web: 1}
        tag: !Ref web
        """,
    "data/config.json": """
        {
          "one": 1,
          §invalid-data§"two": 2,
        }
        """,
    "data/tsconfig.json": """
        {
          // allowed here
          "strict": true,
        }
        """,
    "data/rows.json": """
        {"a": 1}
        {"a": 2}
        """,
    "data/pack.toml": """
        [tool]
        name = "x"
        §invalid-data§version = 1.2.3
        """,
    "templates/deploy.yaml": """
        {{- if .Values.on }}
          a: {{ .Values.a }}
        {{- end }}
        """,
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[JsonObject]]:
    """What one run over all snippets finds."""
    return anyio.run(checked, tmp_path_factory.mktemp("languages"), SNIPPETS, "all")


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_is_marked_is_found_and_nothing_else(
    findings: dict[str, list[JsonObject]], name: str
) -> None:
    loud = [found for found in findings[name] if found["priority"] < "P3"]
    assert places(loud) == marked(SNIPPETS[name])


@pytest.mark.parametrize("added", [1, 3, 5])
async def test_a_line_in_the_middle_of_a_private_key_is_found(
    tmp_path_factory: pytest.TempPathFactory, added: int
) -> None:
    repo = Repository(tmp_path_factory.mktemp("key"))
    lines = ["-----BEGIN PRIVATE KEY-----", *_KEY_LINES, "-----END PRIVATE KEY-----"]
    repo.write("server.pem", "\n".join(lines[:added] + lines[added + 1 :]) + "\n")
    repo.commit("a key without one of its lines")
    repo.write("server.pem", "\n".join(lines) + "\n")
    (found,) = await lint(repo.root, "security")
    assert (found["rule"], found["priority"], found["line"]) == ("private-key", "P0", added + 1)
    assert not any(line in str(found) for line in _KEY_LINES)


async def test_a_message_on_sql_names_the_value_and_no_more(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    repo = Repository(tmp_path_factory.mktemp("sql"))
    repo.write(
        "a.py", 'def f(db, oid):\n    db.execute("SELECT * FROM t WHERE id = " + str(oid))\n'
    )
    repo.write("b.py", 'def f(db, oid):\n    db.execute("SELECT * FROM t WHERE id = %s" % oid)\n')
    bodies = {found["file"]: found["body"] for found in await lint(repo.root, "security")}
    assert bodies["a.py"].startswith("`str(oid)` becomes part")
    assert bodies["b.py"].startswith("`oid` becomes part")
