namespace Conclave.Bench;

/// <summary>How much is measured: all of it, or just enough to see that it works.</summary>
internal static class Effort
{
    /// <summary>True for a run whose numbers mean nothing.</summary>
    public static bool IsQuick { get; set; }

    public static int Of(int full, int quick) => IsQuick ? quick : full;

    public static int[] Of(int[] full, int[] quick) => IsQuick ? quick : full;
}
