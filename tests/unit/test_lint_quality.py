"""The quality checks: each planted mistake is found at its line, and nothing else is."""

import anyio
import pytest

from crew.records import JsonObject
from tests.doubles.snippets import checked, marked, places, plain

LONG_BODY = "\n".join(f"            context.step_{number}()" for number in range(90))
LONG_BRACED = "\n".join(f"            step{number}(context);" for number in range(90))

SNIPPETS = {
    "merge/app.py": """
        def total(items):
        §conflict-marker§<<<<<<< HEAD
            return sum(items)
        =======
            return sum(item.price for item in items)
        >>>>>>> topic
        """,
    "merge/guide.rst": """
        Heading
        =======

        Text, and <<<<<<< in the middle of a line.
        """,
    "merge/guide.md": """
        Conflicts look like this:

        ```
        <<<<<<< HEAD
        ours
        =======
        theirs
        >>>>>>> topic
        ```
        """,
    "debug/app.py": """
        import logging

        def run(value, items):
            §debugger§breakpoint()
            §debugger§import pdb; pdb.set_trace()
            §debug-print§print("DEBUG", value)
            §debug-print§print("here 2")
            §debug-print§print(f"{value=}")
            §debug-print§print(">>>>", items)
            print(f"wrote {len(items)} rows")
            print("There are no rows here.")
            logging.debug("value %s", value)
            text = "breakpoint() is a function"
            # breakpoint()
            return text
        """,
    "debug/app.js": """
        export function load(user) {
          §debugger§debugger;
          §debug-print§console.log("here");
          §debug-print§console.log('>>> user', user);
          §debug-print§console.log(user);
          console.error("failed to load", user.id);
          console.info(`loaded ${user.name}`);
          logger.log(user);
          const word = "debugger;";
          return word;
        }
        """,
    "bin/report.js": """
        #!/usr/bin/env node
        console.log(report);
        console.log("total", total);
        """,
    "debug/app.rs": """
        fn load(value: u32) -> u32 {
            §debug-print§println!("DEBUG {value}");
            println!("loaded {value}");
            §debugger§dbg!(value)
        }
        """,
    "debug/app.rb": """
        def load(user)
          §debugger§binding.pry
          §debug-print§puts "here"
          puts "Loaded #{user}"
        end
        """,
    "debug/app.go": """
        package app

        func load(name string) {
            §debug-print§fmt.Println("DEBUG", name)
            fmt.Println("loaded", name)
        }
        """,
    "debug/app.php": """
        <?php
        §debugger§var_dump($user);
        $this->dump($user);
        """,
    "off/tests/test_app.py": """
        import sys
        import unittest
        import pytest

        §disabled-test§@pytest.mark.skip
        def test_one(): ...

        §disabled-test§@pytest.mark.xfail()
        def test_two(): ...

        @pytest.mark.skip(reason="needs a display")
        def test_three(): ...

        @pytest.mark.skipif(sys.platform == "win32", reason="posix")
        def test_four(): ...

        class Case(unittest.TestCase):
            §disabled-test§@unittest.skip
            def test_five(self): ...

            def test_six(self):
                if sys.platform == "win32":
                    pytest.skip()
        """,
    "off/app.test.ts": """
        §focused-test§describe.only("app", () => {
          §focused-test§it.only("loads", () => {});
          §disabled-test§it.skip("saves", () => {});
          §disabled-test§xit("renames", () => {});
          it("deletes", () => { expect(outfit(box)).toBe(true); });
          test.skip(({ browserName }) => browserName === "firefox", "not there yet");
        });
        """,
    "off/knex.ts": """
        const row = await table.only("id").first();
        """,
    "off/app_test.go": """
        package app

        func TestLoad(t *testing.T) {
            §disabled-test§t.Skip()
        }

        func TestSlow(t *testing.T) {
            if testing.Short() {
                t.Skip()
            }
            t.Skip("needs a database")
        }
        """,
    "off/AppTest.java": """
        class AppTest {
            §disabled-test§@Disabled
            @Test void loads() {}

            @Disabled("waits for the new parser")
            @Test void saves() {}
        }
        """,
    "off/app.rs": """
        §disabled-test§#[ignore]
        #[test]
        fn loads() {}

        #[ignore = "needs a network"]
        #[test]
        fn saves() {}
        """,
    "off/spec/app_spec.rb": """
        describe App do
          §disabled-test§xit "loads" do
          end
          §focused-test§fit "saves" do
          end
          it "fits" do
          end
        end
        """,
    "swallow/app.py": """
        from store import Problem, log, read, write

        def load(path):
            try:
                return read(path)
            §swallowed-error§except Exception:
                pass

        def save(path):
            try:
                write(path)
            §swallowed-error§except:
                ...
            try:
                write(path)
            except FileNotFoundError:
                pass
            try:
                write(path)
            except Exception:
                # the cache is only a help
                pass
            try:
                write(path)
            except Exception:
                log.exception("no cache")
            try:
                write(path)
            except Exception as error:
                pass
                raise Problem from error
        """,
    "swallow/app.ts": """
        export async function load() {
          try {
            return await read();
          §swallowed-error§} catch (error) {
          }
          §swallowed-error§try { save(); } catch {}
          try { save(); } catch (ignored) {}
          try { save(); } catch { /* it is only a cache */ }
          try { save(); } catch (error) { report(error); }
          §swallowed-error§void refresh().catch(() => {});
          const text = "try { x } catch (e) {}";
        }
        """,
    "swallow/App.java": """
        class App {
            void load() {
                try {
                    read();
                §swallowed-error§} catch (IOException e) {

                }
                try { read(); } catch (IOException expected) {}
            }
        }
        """,
    "swallow/app.go": """
        package app

        func load() {
            §swallowed-error§_ = err
            §swallowed-error§if err := read(); err != nil {
            }
            if err != nil {
                return
            }
            _ = file.Close()
        }
        """,
    "swallow/app.rb": """
        def load
          read
        §swallowed-error§rescue StandardError
        end

        def save
          write
        rescue Errno::ENOENT
          nil
        end
        """,
    "todo/app.py": """
        §todo§# TODO: read the rest
        text = "TODO: not a comment"
        TODO = 1
        §todo§value = 1  # FIXME wrong for leap years
        """,
    "todo/app.go": """
        package app

        §todo§// XXX: this leaks
        var todo = "todo"
        """,
    "todo/notes.md": """
        TODO: write more
        """,
    "long/app.py": f"""
        §long-function§def run(context):
            {LONG_BODY.strip()}

        def short(context):
            return context
        """,
    "long/app.ts": f"""
        §long-function§export function run(context: Context) {{
        {LONG_BRACED.strip()}
        }}

        function short() {{ return "}}"; }}
        """,
    "long/app.go": f"""
        package app

        §long-function§func (s *Server) run(context Context) {{
        {LONG_BRACED.strip()}
        }}
        """,
    "long/App.java": f"""
        class App {{
            §long-function§public void run(Context context) {{
        {LONG_BRACED.strip()}
            }}
        }}
        """,
    "ruff/app.py": """
        import asyncio
        import time

        §B006§def load(items, seen=[]):
            seen += items
            §F821§return undefined_name

        async def wait():
            §ASYNC251§time.sleep(1)
            §RUF006§asyncio.create_task(wait())

        def show(value):
            §F632§if value is "a":
                §F507§return "%s %s" % (value,)
            §F631§assert (value, "message")
            §PLW0133§ValueError("no value")
            return f"{value}"
        """,
    "ruff/broken.py": """
        def load(:
        """,
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[JsonObject]]:
    """What one run over all snippets finds."""
    return anyio.run(checked, tmp_path_factory.mktemp("quality"), SNIPPETS, "quality")


@pytest.mark.parametrize("name", [name for name in SNIPPETS if name != "ruff/broken.py"])
def test_what_is_marked_is_found_and_nothing_else(
    findings: dict[str, list[JsonObject]], name: str
) -> None:
    assert places(findings[name]) == marked(SNIPPETS[name])


def test_a_file_that_python_cannot_read_is_a_p0(findings: dict[str, list[JsonObject]]) -> None:
    found = findings["ruff/broken.py"][0]
    assert (found["rule"], found["priority"], found["line"]) == ("invalid-syntax", "P0", 1)


def test_a_conflict_is_one_finding_over_all_its_lines(
    findings: dict[str, list[JsonObject]],
) -> None:
    (found,) = findings["merge/app.py"]
    assert (found["line"], found["end_line"], found["priority"]) == (2, 6, "P0")


def test_every_quote_is_text_of_its_line(findings: dict[str, list[JsonObject]]) -> None:
    for name, found in findings.items():
        lines = plain(SNIPPETS[name]).split("\n")
        for finding in found:
            assert finding.get("quote", "") in lines[finding["line"] - 1]
