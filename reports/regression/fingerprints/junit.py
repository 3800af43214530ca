"""The comparison of fingerprints as JUnit XML: a suite for each scope, a case for each stage of the way."""

from __future__ import annotations

from xml.etree import ElementTree as XML

from reports.regression.fingerprints import text
from reports.regression.fingerprints.baseline import stage
from reports.regression.fingerprints.comparing import Comparison, Row


def xml(comparison: Comparison) -> bytes:
    """The report file."""
    suites = XML.Element("testsuites", name="fingerprints")
    for scope in comparison.baseline.scopes:
        by_stage: dict[str, list[Row]] = {}
        for row in comparison.of(scope):
            by_stage.setdefault(stage(row.name), []).append(row)
        failed = [name for name, rows in by_stage.items() if any(row.drifted for row in rows)]
        tests, failures = str(len(by_stage)), str(len(failed))
        suite = XML.SubElement(suites, "testsuite", name=scope, tests=tests, failures=failures)
        for name, rows in by_stage.items():
            case = XML.SubElement(suite, "testcase", classname=f"fingerprints.{scope}", name=name)
            drifted = [row for row in rows if row.drifted]
            if drifted:
                message = f"{drifted[0].name}: {text.amount(drifted[0])}; {len(drifted) - 1} more of {len(rows)}"
                XML.SubElement(case, "failure", message=message)
    XML.indent(suites)
    return bytes(XML.tostring(suites, encoding="utf-8", xml_declaration=True))
