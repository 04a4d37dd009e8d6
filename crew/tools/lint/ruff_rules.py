"""Which of ruff's rules count for a review, and how much."""

from crew.tools.lint.finding import Priority, Profile


def _table(rows: dict[Priority, str]) -> dict[str, Priority]:
    return {code: priority for priority, codes in rows.items() for code in codes.split()}


PRIORITIES: dict[Profile, dict[str, Priority]] = {
    "quality": _table(
        {
            "P0": "invalid-syntax",
            "P1": (
                "F502 F503 F505 F506 F507 F508 F509 F521 F524 F525 F621 F622 F631 F633 F634 F701 "
                "F702 F704 F706 F707 F821 F822 F823 B016 B030 ASYNC105 PLE0100 PLE0101 PLE0115 "
                "PLE0117 PLE0118 PLE0302 PLE0303 PLE0304 PLE0305 PLE0307 PLE0308 PLE0309 PLE0604 "
                "PLE0643 PLE1132 PLE1142 PLE1300 PLE1307 PLE1519 PLE1520 PLE1700 PLE2502 "
                "PLW0133 PLW0245 PLW0711 PLW1501 PLW2101 RUF016 RUF026"
            ),
            "P2": (
                "F404 F501 F504 F522 F523 F601 F602 F632 F811 F901 B002 B003 B005 B006 B012 B015 "
                "B025 B029 B032 B035 B039 ASYNC100 ASYNC210 ASYNC212 ASYNC220 ASYNC221 ASYNC222 "
                "ASYNC250 ASYNC251 PLE0237 PLE0241 PLE1205 PLE1206 PLE1310 PLE1507 PLE2510 "
                "PLE2512 PLE2513 PLE2514 PLE2515 PLW0129 PLW0131 PLW0177 SIM107 SIM220 SIM221 "
                "SIM222 SIM223 RUF006 RUF008 RUF024 RUF033 RUF060"
            ),
            "P3": (
                "E722 F401 F402 F403 F406 F407 F541 F841 F842 B004 B013 B014 B017 B018 B019 "
                "B021 B022 B026 B034 B904 ASYNC110 ASYNC116 ASYNC230 PLE0116 PLW0120 PLW0211 "
                "PLW0602 PLW0604 PLW1507 PLW1509 SIM115 RUF009 RUF018 RUF030 RUF032 RUF034 RUF040 "
                "B020 B023 B031 B033 PLE0704 PLW0127 PLW0128 PLW0406 PLW1508"
            ),
        }
    ),
    "security": _table(
        {
            "P1": "S201 S323 S501 S502 S503 S504 S505 S506 S507 S602 S605 S609 PLE2502",
            "P2": "S102 S103 S202 S304 S305 S306 S307 S612 S701 S702",
            "P3": (
                "S113 S301 S302 S303 S308 S310 S312 S313 S314 S315 S316 S317 S318 S319 S321 S324 "
                "S508 S509 S601 S604 S610 S611 S704"
            ),
        }
    ),
}
"""Rule to priority, by profile; a rule that is not here is not asked for.

Left out on purpose: style; F405 (F403 says it once for the file); PLE0605 (sums of lists); S101
(asserts), S105 to S107 and S608 (this package's own rules judge the values), S110 and S112
(`swallowed-error`), S311, S603 and S607, which are loud and seldom right.
"""

CONFIDENCE: dict[str, float] = {
    "B006": 0.75,
    "B012": 0.75,
    "B023": 0.5,
    "B039": 0.7,
    "PLW0127": 0.5,
    "PLW0128": 0.5,
    "ASYNC100": 0.7,
    "F504": 0.75,
    "F811": 0.7,
    "F822": 0.8,
    "PLE1205": 0.75,
    "PLE1206": 0.75,
    "PLW0177": 0.75,
    "PLW1508": 0.6,
    "RUF006": 0.7,
    "S102": 0.7,
    "S103": 0.6,
    "S202": 0.6,
    "S301": 0.6,
    "S302": 0.6,
    "S307": 0.75,
    "S604": 0.6,
    "S602": 0.85,
    "S605": 0.85,
    "S701": 0.6,
}
"""How sure a rule's hit is a mistake; 0.9 where nothing is said."""

TITLES: dict[str, str] = {
    "B006": "A default value that all calls share",
    "F632": "`is` compares identity, not value",
    "RUF006": "A task that nothing holds on to",
    "S102": "exec runs text as code",
    "S301": "Unpickling runs code of whoever made the bytes",
    "S307": "eval runs text as code",
    "S501": "Certificates are no longer checked",
    "S602": "A shell reads a command line that is built from values",
    "S604": "A shell reads a command line that is built from values",
    "S605": "A shell reads a command line that is built from values",
}
"""Titles that say what is wrong where the rule's own message does not."""

WHY: dict[str, str] = {
    "invalid-syntax": "Python can't load the file at all.",
    "ASYNC105": "Without `await` the call does nothing.",
    "ASYNC210": "The request blocks the event loop and everything on it.",
    "ASYNC251": "The sleep blocks the event loop and everything on it.",
    "B006": "The default is made once and shared by all calls.",
    "B012": "Leaving `finally` this way swallows the exception in flight.",
    "B015": "The comparison's result is thrown away; an `assert` or `=` may be missing.",
    "B016": "Raising something that is no exception is a TypeError.",
    "B023": "The function sees the variable's last value, not the one at its creation.",
    "F401": "Nothing in the file uses it.",
    "F507": "The line raises a TypeError when it runs.",
    "F524": "The line raises a KeyError or IndexError when it runs.",
    "F601": "The last value wins and the others are lost.",
    "F631": "A tuple that is not empty is always true, so the assert never fails.",
    "F632": "`is` compares identity; whether equal literals are one object is chance.",
    "F634": "A tuple that is not empty is always true.",
    "F811": "The first definition is never used: the second replaces it.",
    "F821": "The line raises a NameError when it runs.",
    "F823": "The name is local here, so the line raises an UnboundLocalError.",
    "F841": "It is assigned and never read.",
    "PLE2502": "Bidirectional control characters make code read other than it runs.",
    "PLW0133": "An exception is made and not raised.",
    "PLW0711": "`or` keeps only one of the exceptions; a tuple names both.",
    "PLW2101": "The lock is made here, so no other thread can hold it.",
    "RUF006": "The event loop keeps only a weak reference, so the task may vanish before it ends.",
    "S102": "Whoever can shape the text runs what they like.",
    "S201": "The debugger lets whoever reaches it run code.",
    "S301": "Loading bytes that someone else can shape runs their code.",
    "S307": "Whoever can shape the text runs what they like.",
    "S501": "Without the check, whoever sits in between can read and change what passes.",
    "S506": "Loading a document that someone else can shape runs their code; use safe_load.",
    "S602": "A value in the command line can run other commands; pass a list, without a shell.",
    "S604": "A value in the command line can run other commands; pass a list, without a shell.",
    "S605": "A value in the command line can run other commands; pass a list, without a shell.",
}
"""What the rule's message leaves out: what it leads to."""

SAID_BETTER = frozenset({"S501", "S602", "S604", "S605"})
"""Rules whose own message adds nothing to the title and to what is said here."""
