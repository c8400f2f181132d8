using System.Text;

namespace Conclave.Bench;

/// <summary>The page that answers one question, and its picture.</summary>
internal static class Page
{
    public const string HowRatiosRepeat =
        "Both sides of a ratio take turns in one run, and the ratio is the median over the rounds. On another machine the median should lie within the last column: " +
        "the rounds of this run, a half more to either side. `bench/run --compare FOLDER` checks that against an earlier run's pages.";

    public static void Write(string folder, Question question, PageData data, IReadOnlyList<Panel> panels)
    {
        Directory.CreateDirectory(folder);
        data.Write(folder);
        if (panels.Count > 0)
        {
            File.WriteAllText(Path.Combine(folder, $"{question.Name}.svg"), Panel.Draw(panels));
        }

        var page = new StringBuilder();
        page.Append(Report.Of($"# {question.Asks}\n\n    bench/run {question.Name}\n\n"));
        if (panels.Count > 0)
        {
            page.Append(Report.Of($"![{question.Asks}]({question.Name}.svg)\n\n"));
        }

        page.Append(ResultRow.Header).Append('\n');
        foreach (var row in data.Rows)
        {
            page.Append(row.ToMarkdown()).Append('\n');
        }

        page.Append('\n').Append(data.Rows.Any(r => r.Ratio is not null) ? $"{HowRatiosRepeat} Absolute times are of this machine and this day.\n" : "Absolute times are of this machine and this day.\n");
        page.Append("\n## How it was measured\n\n");
        var machine = data.Machine;
        foreach (string line in (string[])
            [
                $"machine: {machine.Processors}; {machine.System}",
                $"runtime: {machine.Runtime}",
                .. data.Servers.Count == 0 ? Array.Empty<string>() : [$"servers, each alone on this machine: {string.Join("; ", data.Servers)}"],
                $"date: {machine.Date}, commit {machine.Commit}, load before: {machine.Load}",
                Report.Of($"took {data.Minutes:0.0} minutes"),
                .. data.Settings,
            ])
        {
            page.Append("- ").Append(line).Append('\n');
        }

        // what a profile showed, and what came of it, is written by hand and outlives the next run
        string notes = Path.Combine(folder, "notes", $"{question.Name}.md");
        if (File.Exists(notes))
        {
            page.Append('\n').Append(File.ReadAllText(notes).Trim()).Append('\n');
        }

        File.WriteAllText(Path.Combine(folder, $"{question.Name}.md"), page.ToString());
    }
}
