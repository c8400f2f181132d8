namespace Conclave.Testing;

/// <summary>
/// Makes a failing sequence short: leaves out halves, quarters … single elements for as long as it still fails (delta debugging: Zeller and
/// Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 2002). The caller tries each candidate and says what it saw.
/// </summary>
internal sealed class Reduction<T>
{
    private int _chunk;
    private int _position;
    private bool _shortened;

    public Reduction(IReadOnlyList<T> items)
    {
        Current = items;
        _chunk = Math.Max(1, items.Count / 2);
    }

    /// <summary>The shortest failing sequence so far.</summary>
    public IReadOnlyList<T> Current { get; private set; }

    /// <summary>The next sequence to try, or null when no single element can be left out.</summary>
    public IReadOnlyList<T>? Next()
    {
        if (_position >= Current.Count)
        {
            if (Current.Count == 0 || (_chunk == 1 && !_shortened))
            {
                return null;
            }

            (_chunk, _position, _shortened) = (Math.Max(1, _chunk / 2), 0, false);
        }

        return [.. Current.Take(_position), .. Current.Skip(_position + _chunk)];
    }

    /// <summary>Says what came of the sequence that <see cref="Next"/> returned.</summary>
    public void Report(IReadOnlyList<T> candidate, bool fails)
    {
        if (fails)
        {
            (Current, _shortened) = (candidate, true);
        }
        else
        {
            _position += _chunk;
        }
    }
}
