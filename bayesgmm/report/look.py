"""The style sheet: dark on white, on a wide screen, a narrow one and on paper."""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem 1rem 4rem; background: #fff;
  color: #1a1a1a; font: 1rem/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid #bbb; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
.about, figcaption, .notes { color: #444; }
.verdict { margin: 1.25rem 0; padding: .75rem 1rem; border: 1px solid #1b6e3c;
  border-left-width: .5rem; background: #f1faf4; }
.verdict.bad { border-color: #a3120a; background: #fdf1f0; }
.verdict h2 { margin: 0 0 .25rem; border: 0; font-size: 1.15rem; }
.verdict p, .verdict ul { margin: .25rem 0 0; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .5rem; text-align: right; white-space: nowrap; }
th[scope=row], th.group, .pairs td { text-align: left; }
.pairs td { white-space: normal; min-width: 14rem; }
th[scope=row] { font-weight: normal; position: sticky; left: 0; background: #fff;
  white-space: normal; min-width: min(15rem, 28vw); overflow-wrap: anywhere; }
.pairs th[scope=row] { min-width: 7.5rem; vertical-align: top; }
thead th { border-bottom: 1px solid #888; vertical-align: bottom; }
tbody.component { border-top: 1px solid #ccc; }
.starts { border-left: 1px solid #ccc; }
th.group { padding-top: .6rem; font-weight: bold; }
figure { margin: 1rem 0 2rem; }
img { max-width: 100%; height: auto; }
pre { white-space: pre-wrap; padding: .75rem 1rem; border: 1px solid #ccc; background: #f7f7f7; }
code { font: .875rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; }
  th, td { padding: .1rem .3rem; }
  figure, tbody.component, .verdict { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""
