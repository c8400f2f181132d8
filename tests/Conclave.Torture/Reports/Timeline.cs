using System.Globalization;
using System.Security;
using System.Text;

namespace Conclave.Torture;

/// <summary>A small picture of the worst case: who waited, who believed to hold, and what was wrong meanwhile.</summary>
internal static class Timeline
{
    private const int Width = 900;
    private const int Left = 90;
    private const int Lane = 22;

    /// <summary>The picture; null when there is nothing to show.</summary>
    public static string? Of(Outcome run)
    {
        var violation = run.Violations.FirstOrDefault(v => v is { Around: not null, Name: not null });
        (string Kind, string Name) name;
        long from, to;
        if (violation is not null)
        {
            (name, from, to) = (violation.Name!.Value, violation.Around!.Value - 2_000_000_000, violation.Around.Value + 2_000_000_000);
        }
        else if (run.WorstHandOver is { } worst)
        {
            long margin = Math.Max(500_000_000, (worst.To - worst.From) / 3);
            (name, from, to) = ((worst.Kind, worst.Name), worst.From - margin, worst.To + margin);
        }
        else
        {
            return null;
        }

        return Draw(run, name, from, to);
    }

    private static string Draw(Outcome run, (string Kind, string Name) name, long from, long to)
    {
        Hold[] holds = [.. run.History.Holds.Where(h => h.Kind == name.Kind && h.Name == name.Name && h.Called < to && h.To > from)];
        FaultRecord[] faults = [.. run.Faults.Where(f => f.From < to && f.To > from)];
        int[] workers = [.. holds.Select(h => h.Worker).Concat(faults.Select(f => f.Worker).OfType<int>()).Distinct().Order()];
        int height = ((workers.Length + 2) * Lane) + 30;
        var svg = new StringBuilder();
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">");
        Add($"<rect width=\"{Width}\" height=\"{height}\" fill=\"white\"/>");
        Add($"<text x=\"4\" y=\"14\">{Escape($"{name.Kind} '{name.Name}', {(from - run.Begun) / 1e9:0.0} s to {(to - run.Begun) / 1e9:0.0} s: believed (green), waiting (line), fault (red)")}</text>");
        foreach (var fault in faults)
        {
            int lane = fault.Worker is { } worker ? Array.IndexOf(workers, worker) : workers.Length;
            double x = X(fault.From), width = Math.Max(2, X(fault.To) - x);
            Add($"<rect x=\"{x:0.0}\" y=\"{Y(lane)}\" width=\"{width:0.0}\" height=\"{Lane - 2}\" fill=\"#f4b6b6\"><title>{Escape(fault.Kind)}</title></rect>");
            Add($"<text x=\"{x + 2:0.0}\" y=\"{Y(lane) + 18}\" font-size=\"8\" fill=\"#a00\">{Escape(fault.Kind)}</text>");
        }

        foreach (var hold in holds)
        {
            int lane = Array.IndexOf(workers, hold.Worker);
            Add($"<line x1=\"{X(hold.Called):0.0}\" x2=\"{X(hold.Granted):0.0}\" y1=\"{Y(lane) + 9}\" y2=\"{Y(lane) + 9}\" stroke=\"#888\"/>");
            if (hold.From is { } believed)
            {
                Add($"<rect x=\"{X(believed):0.0}\" y=\"{Y(lane) + 3}\" width=\"{Math.Max(1, X(hold.To) - X(believed)):0.0}\" height=\"9\" fill=\"#3a7\"><title>token {hold.Token}</title></rect>");
            }
        }

        for (int i = 0; i < workers.Length; i++)
        {
            Add($"<text x=\"4\" y=\"{Y(i) + 13}\">worker {workers[i]}</text>");
        }

        Add($"<text x=\"4\" y=\"{Y(workers.Length) + 13}\">servers</text>");
        Add($"</svg>");
        return svg.ToString();

        double X(long at) => Left + ((Width - Left - 10) * (double)(Math.Clamp(at, from, to) - from) / (to - from));
        int Y(int lane) => 22 + (lane * Lane);
        void Add(FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Escape(string text) => SecurityElement.Escape(text);
}
