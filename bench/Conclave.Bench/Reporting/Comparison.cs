namespace Conclave.Bench;

/// <summary>Whether the ratios of one run repeat in another: each median within the spread that the other run states.</summary>
internal static class Comparison
{
    public static int Run(string folder, string earlier)
    {
        (int held, int left) = (0, 0);
        Console.WriteLine("| what | stated | now | |\n|---|---|---|---|");
        foreach (var question in Questions.All)
        {
            if (PageData.Read(folder, question.Name) is not { } now || PageData.Read(earlier, question.Name) is not { } then)
            {
                continue;
            }

            foreach (var row in then.Rows.Where(r => r.Ratio is not null))
            {
                if (now.Rows.FirstOrDefault(r => r.What == row.What)?.Ratio is { } ratio)
                {
                    bool holds = row.Ratio!.Holds(ratio.Median);
                    (held, left) = holds ? (held + 1, left) : (held, left + 1);
                    Console.WriteLine(Report.Of($"| {row.What} | {row.Ratio.Expected} | {ratio.Median:0.00} | {(holds ? "repeats" : "**does not**")} |"));
                }
            }
        }

        Console.WriteLine(Report.Of($"\n{held} of {held + left} ratios lie within their spread."));
        return left == 0 && held > 0 ? 0 : 1;
    }
}
