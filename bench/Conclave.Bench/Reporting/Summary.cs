using System.Text;

namespace Conclave.Bench;

/// <summary>What is made of all pages: the list of every number with a target, and the table of the front page.</summary>
internal static class Summary
{
    private const string Begin = "<!-- written by bench/run -->";
    private const string End = "<!-- end of what bench/run writes -->";

    /// <summary>A column of the front page: what it is called in the data, its head, and the question that answers it.</summary>
    private static readonly (string Column, string Head, string Question)[] Columns =
    [
        ("pair", "acquire + release, one caller", "latency"),
        ("bare", "… against the bare engine", "latency"),
        ("rate", "… a second, at 64 names", "latency"),
        ("handoff", "hand-off between two processes, median", "handoff"),
        ("polling", "… by hand, tried every 50 ms", "handoff"),
        ("renewal", "requests per interval to hold 10,000", "renewal"),
        ("kill", "until the next one is in after `kill -9`, time to live 10 s", "loss"),
    ];

    public static void Write(string folder, string? frontPage)
    {
        PageData[] pages = [.. Questions.All.Select(q => PageData.Read(folder, q.Name)).OfType<PageData>()];
        if (pages.Length == 0)
        {
            return;
        }

        WriteOverview(folder, pages);
        var rows = pages.SelectMany(p => p.Rows).Where(r => r.Reached is not null).ToArray();
        int reached = rows.Count(r => r.Reached == true);
        var text = new StringBuilder();
        text.Append("# What Conclave costs, measured\n\n");
        text.Append("Made by `bench/run`, which measures all of it again; `bench/run --summary` makes this page again from the saved ones. A target that an earlier issue set is either reached or it is not, with the gap.\n\n");
        text.Append(Report.Of($"**{reached} of {rows.Length} targets are reached.**\n\n"));
        if (File.Exists(Path.Combine(folder, "overview.svg")))
        {
            text.Append("![Hand-off between two processes](overview.svg)\n\n");
        }

        text.Append("## Questions\n\n| question | command | reached | not reached | measured |\n|---|---|---|---|---|\n");
        foreach (var page in pages)
        {
            text.Append(Report.Of($"| [{Questions.Get(page.Question)!.Asks}]({page.Question}.md) | `bench/run {page.Question}` | {page.Rows.Count(r => r.Reached == true)} | {page.Rows.Count(r => r.Reached == false)} | {page.Machine.Date}, {page.Machine.Commit} |\n"));
        }

        text.Append("\n## Not reached\n\n");
        Append(text, pages, reached: false);
        text.Append("\n## Reached\n\n");
        Append(text, pages, reached: true);
        text.Append('\n').Append(Page.HowRatiosRepeat).Append('\n');
        File.WriteAllText(Path.Combine(folder, "README.md"), text.ToString());
        if (frontPage is not null)
        {
            WriteFrontPage(frontPage, pages);
        }
    }

    private static void Append(StringBuilder text, PageData[] pages, bool reached)
    {
        text.Append("| what | got | target | gap | page and command |\n|---|---|---|---|---|\n");
        foreach (var page in pages)
        {
            foreach (var row in page.Rows.Where(r => r.Reached == reached))
            {
                text.Append(Report.Of($"| {row.What} | {row.Got} | {row.Target} | {(reached ? "–" : row.Gap ?? "not equal")} | [`bench/run {page.Question}`]({page.Question}.md) |\n"));
            }
        }
    }

    private static void WriteOverview(string folder, PageData[] pages)
    {
        var figures = pages.SelectMany(p => p.Figures).ToArray();
        string[] engines = [.. figures.Where(f => f.Column == "handoff").Select(f => f.Engine)];
        if (engines.Length == 0)
        {
            return;
        }

        double[] Values(string column) => [.. engines.Select(e => figures.FirstOrDefault(f => f.Engine == e && f.Column == column)?.Value ?? double.NaN)];
        File.WriteAllText(Path.Combine(folder, "overview.svg"), Panel.Draw(
        [
            new Bars(
                "How long a lock is nobody's, from a release in one process to the grant in another",
                "milliseconds, median (bench/run handoff)",
                engines,
                [("Conclave", Values("handoff")), ("by hand, tried every 50 ms (etcd: its own lock service)", Values("polling"))],
                IsLog: true),
        ]));
    }

    /// <summary>Writes between two marks of the front page, and nothing else.</summary>
    private static void WriteFrontPage(string file, PageData[] pages)
    {
        string page = File.ReadAllText(file);
        int begin = page.IndexOf(Begin, StringComparison.Ordinal);
        int end = page.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
        {
            return;
        }

        var figures = pages.SelectMany(p => p.Figures).ToArray();
        var columns = Columns.Where(c => figures.Any(f => f.Column == c.Column)).ToArray();
        var text = new StringBuilder(Begin).Append("\n\n| |");
        foreach (var (_, head, _) in columns)
        {
            text.Append(' ').Append(head).Append(" |");
        }

        text.Append("\n|---|").Append(string.Concat(Enumerable.Repeat("---|", columns.Length))).Append('\n');
        foreach (string engine in figures.Select(f => f.Engine).Distinct())
        {
            text.Append("| ").Append(engine).Append(" |");
            foreach (var (column, _, _) in columns)
            {
                text.Append(' ').Append(figures.FirstOrDefault(f => f.Engine == engine && f.Column == column)?.Text ?? "–").Append(" |");
            }

            text.Append('\n');
        }

        text.Append("| measured by |");
        foreach (var (_, _, question) in columns)
        {
            text.Append(Report.Of($" [`bench/run {question}`](docs/benchmarks/{question}.md) |"));
        }

        text.Append("\n\n[![How long a lock is nobody's between two processes](docs/benchmarks/overview.svg)](docs/benchmarks/handoff.md)\n\n");
        File.WriteAllText(file, string.Concat(page.AsSpan(0, begin), text.ToString(), page.AsSpan(end)));
    }
}
