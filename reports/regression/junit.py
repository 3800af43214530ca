"""A comparison as JUnit XML, which CI systems show test by test: a suite an architecture, a case a check."""

from __future__ import annotations

from xml.etree import ElementTree as XML

from reports.regression import text
from reports.regression.comparing import NOT_JUDGED, Comparison, Metrics, Row


def xml(comparison: Comparison) -> bytes:
    """The report file."""
    suites = XML.Element("testsuites", name="regression check")
    for architecture in comparison.baseline.architectures:
        rows = [row for row in comparison.rows if row.check.architecture == architecture]
        failed = [line for line in comparison.session.failed if line.partition(" ")[0] == architecture]
        suite = XML.SubElement(
            suites,
            "testsuite",
            name=architecture,
            tests=str(len(rows) + len(failed)),
            failures=str(sum(row.drifted for row in rows)),
            errors=str(len(failed)),
            skipped=str(sum(row.outcome == NOT_JUDGED for row in rows)),
        )
        for line in failed:
            XML.SubElement(_case(suite, "run"), "error", message=line)
        for row in rows:
            _check(suite, row, comparison.session.metrics)
    XML.indent(suites)
    return bytes(XML.tostring(suites, encoding="utf-8", xml_declaration=True))


def _check(suite: XML.Element, row: Row, metrics: Metrics) -> None:
    case = _case(suite, text.name(row.check.measure, metrics))
    if row.outcome == NOT_JUDGED:
        XML.SubElement(case, "skipped", message=row.why)
    elif row.drifted:
        said = "nothing" if row.observed is None else f"{row.observed:.6g}"
        message = f"{row.outcome}: {said}, and the bounds are {text.bounds(row.check)}"
        XML.SubElement(case, "failure", message=f"{message} ({row.why})" if row.why else message)


def _case(suite: XML.Element, name: str) -> XML.Element:
    return XML.SubElement(suite, "testcase", classname=f"regress.{suite.get('name')}", name=name)
