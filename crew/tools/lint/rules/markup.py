"""Markup that is put together from values and given to a browser."""

from crew.tools.lint.pattern import check_of, pattern
from crew.tools.lint.rule import Rule

_CLEAN = (
    r"sanitiz|purify|escape|encode|trustedhtml|createhtml|marked|highlight|\bt\(|i18n|translate"
)
_SINK = r"\.(?:inner|outer)HTML\s*\+?=(?!=)\s*"
_PLAIN = r"(?![\w.]*(?i:html|svg|markup|template|icon|fragment|content|saved|old|prev|render))"
"""What is named like markup that somebody has made."""
_TITLE = "Markup is built from a value"
_BODY = (
    "A value with a tag in it becomes part of the page and its scripts run there. Set the text "
    "(`textContent`), or sanitise the markup first."
)

_PATTERNS = (
    pattern(
        "javascript",
        rf"{_SINK}(?:[^;`]*[\"'][^\"'\n]*<[^\"'\n]*[\"']\s*\+\s*(?![\"'`])[\w$(]|`[^`]*\$\{{)"
        r"|\.insertAdjacentHTML\([^,]+,\s*(?:`[^`]*\$\{|[\"'][^\"'\n]*[\"']\s*\+\s*(?![\"'`])[\w$(])"
        r"|\bdocument\.write(?:ln)?\(\s*(?:`[^`]*\$\{|[\"'][^\"'\n]*[\"']\s*\+\s*(?![\"'`])[\w$(])"
        r"|(?:\$|jQuery)\([^)]*\)\.(?:html|append|prepend)\("
        r"\s*(?:`[^`]*<[^`]*\$\{|[\"'][^\"'\n]*<[^\"'\n]*[\"']\s*\+\s*(?![\"'`])[\w$(])",
        _TITLE,
        _BODY,
        seen="bare",
        unless=_CLEAN,
        confidence=0.75,
    ),
    pattern(
        "javascript",
        rf"{_SINK}(?:location|document\.(?:URL|cookie|referrer)|window\.(?:location|name)"
        r"|[\w.]*(?:params|query|hash|search)\b)",
        _TITLE,
        _BODY,
        unless=_CLEAN,
        priority="P1",
        confidence=0.85,
    ),
    pattern(
        "javascript",
        rf"{_SINK}{_PLAIN}(?!(?:await|function|new|class)\b)[A-Za-z_$][\w$.\[\]]*\s*;?\s*$",
        _TITLE,
        _BODY,
        unless=_CLEAN + r"|innerHTML.*=.*innerHTML",
        confidence=0.6,
    ),
    pattern(
        "javascript",
        rf"{_SINK}(?:await\s+)?(?!(?:await|function|new|class)\b){_PLAIN}[A-Za-z_$][\w$.]*"
        r"(?:\([^()]*\)(?:\.\w+)*)+\s*;?\s*$",
        _TITLE,
        _BODY,
        unless=_CLEAN + r"|innerHTML.*=.*innerHTML",
        confidence=0.6,
    ),
    pattern(
        "javascript",
        r"\bdangerouslySetInnerHTML\s*=\s*\{\{\s*__html\s*:\s*(?![\"'`}\s])",
        _TITLE,
        _BODY.replace("`textContent`", "a child of the element"),
        seen="bare",
        unless=_CLEAN + r"|JSON\.stringify|css|styles",
        confidence=0.7,
    ),
)

RULES = (Rule(id="html-injection", profile="security", priority="P2", check=check_of(_PATTERNS)),)
