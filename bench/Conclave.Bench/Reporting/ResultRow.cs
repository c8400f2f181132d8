namespace Conclave.Bench;

/// <summary>A row of a page.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Got">What came out.</param>
/// <param name="Target">What it should be, or a dash.</param>
/// <param name="Reached">Whether it is; null where there is no target.</param>
/// <param name="Gap">How far it is from its target; null if it is reached, or if a factor would say nothing.</param>
/// <param name="Ratio">The ratio in it, over the rounds; null if it holds none.</param>
internal sealed record ResultRow(string What, string Got, string Target, bool? Reached, string? Gap, Spread? Ratio)
{
    public const string Header = "| what | got | target | | the ratio should repeat within |\n|---|---|---|---|---|";

    public string Verdict => Reached switch { null => "–", true => "reached", false => $"**not reached**{(Gap is null ? "" : $" ({Gap})")}" };

    public string ToMarkdown() => $"| {What} | {Got} | {Target} | {Verdict} | {Ratio?.Expected ?? ""} |";
}

/// <summary>A cell of the front page's table.</summary>
/// <param name="Engine">Its row.</param>
/// <param name="Column">Its column.</param>
/// <param name="Text">What stands there.</param>
/// <param name="Value">The number in it, for the picture.</param>
internal sealed record Figure(string Engine, string Column, string Text, double Value);
