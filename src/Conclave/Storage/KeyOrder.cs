namespace Conclave.Storage;

/// <summary>
/// The order of keys on every engine: by their UTF-8 bytes, which is the order of code points. It differs from the order of UTF-16 units
/// in one place: U+E000..U+FFFF come before the surrogates that make up U+10000 and above.
/// </summary>
public sealed class KeyOrder : IComparer<string>
{
    private KeyOrder()
    {
    }

    /// <summary>The only instance.</summary>
    public static KeyOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
        {
            return Comparer<bool>.Default.Compare(x is not null, y is not null);
        }

        int common = x.AsSpan().CommonPrefixLength(y);
        return common == x.Length || common == y.Length
            ? x.Length.CompareTo(y.Length)
            : Rank(x[common]).CompareTo(Rank(y[common]));
    }

    // ICU's fix-up: surrogates are moved above the rest of the basic plane
    private static int Rank(char unit) => char.IsSurrogate(unit) ? unit + 0x10000 : unit;
}
