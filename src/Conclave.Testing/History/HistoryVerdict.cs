using System.Globalization;
using System.Text;

namespace Conclave.Testing;

/// <summary>What a checker found in a history.</summary>
public sealed class HistoryVerdict
{
    internal HistoryVerdict(HistoryFinding finding, int operations, string? reason = null, IReadOnlyList<HistoryRow>? excerpt = null) =>
        (Finding, Operations, Reason, Excerpt) = (finding, operations, reason, excerpt ?? []);

    /// <summary>The finding.</summary>
    public HistoryFinding Finding { get; }

    /// <summary>True when the history is linearizable; false also when the search was given up.</summary>
    public bool IsLinearizable => Finding == HistoryFinding.Linearizable;

    /// <summary>How many operations the history has.</summary>
    public int Operations { get; }

    /// <summary>What is wrong, in a sentence; null when nothing is.</summary>
    public string? Reason { get; }

    /// <summary>The fewest operations found that show what is wrong, in the order in which they began.</summary>
    public IReadOnlyList<HistoryRow> Excerpt { get; }

    /// <summary>Throws when the history is not proven linearizable.</summary>
    /// <exception cref="ConformanceException">It is not, or the search was given up; the message holds the reason and the excerpt.</exception>
    public void ThrowIfNotLinearizable()
    {
        if (!IsLinearizable)
        {
            throw new ConformanceException(ToString());
        }
    }

    /// <summary>The reason, and the excerpt as a table.</summary>
    public override string ToString()
    {
        if (IsLinearizable)
        {
            return string.Create(CultureInfo.InvariantCulture, $"linearizable: {Operations} operations");
        }

        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{(Finding == HistoryFinding.Violated ? "not linearizable" : "undecided")}: {Reason}");
        if (Excerpt.Count > 0)
        {
            int what = Excerpt.Max(r => r.Operation.Length);
            text.Append(CultureInfo.InvariantCulture, $"\n  {Excerpt.Count} of {Operations} operations show it:");
            foreach (var row in Excerpt)
            {
                string end = row.End == long.MaxValue ? "" : row.End.ToString(CultureInfo.InvariantCulture);
                string window = string.Create(CultureInfo.InvariantCulture, $"{row.Start}..{end}");
                text.Append(CultureInfo.InvariantCulture, $"\n  #{row.Number,-4} client {row.Client,-2} {window,-11} {row.Operation.PadRight(what)}  {row.Outcome}");
            }
        }

        return text.ToString();
    }
}

/// <summary>What a checker can find.</summary>
public enum HistoryFinding
{
    /// <summary>There is an order that explains everything that was seen.</summary>
    Linearizable,

    /// <summary>There is none.</summary>
    Violated,

    /// <summary>The search was given up at its limit: the run had more unknown outcomes than a checker can follow, and proves nothing.</summary>
    Undecided,
}

/// <summary>One operation of an excerpt.</summary>
/// <param name="Number">Its position in the history, from 1.</param>
/// <param name="Client">Who did it.</param>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended.</param>
/// <param name="Operation">What was done.</param>
/// <param name="Outcome">What came of it.</param>
public sealed record HistoryRow(int Number, int Client, long Start, long End, string Operation, string Outcome);
