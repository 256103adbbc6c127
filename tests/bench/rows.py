"""What a measurement is, and how many of them print as one table."""

import dataclasses


@dataclasses.dataclass
class Row:
    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ""

    def met(self):
        """Whether the target is reached; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    def cells(self):
        target = ""
        if self.at_most is not None:
            target = f"<= {self.at_most:g}"
        elif self.at_least is not None:
            target = f">= {self.at_least:g}"
        verdict = {True: "ok", False: "missed", None: ""}[self.met()]
        return [self.name, f"{self.value:,.4g}" if self.value < 1e4 else f"{self.value:,.0f}", self.unit, target,
                verdict, self.detail]


def table(rows):
    lines = [["measurement", "value", "unit", "target", "", "detail"]] + [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    numeric = {1, 3}
    for line in lines:
        yield "  ".join(cell.rjust(width) if column in numeric else cell.ljust(width)
                        for column, (cell, width) in enumerate(zip(line, widths))).rstrip()
