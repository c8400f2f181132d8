namespace Conclave.Testing;

/// <summary>A store, or something on it, does not do what the contract says.</summary>
public sealed class ConformanceException : Exception
{
    /// <summary>Reports what was seen inside a case.</summary>
    /// <param name="message">What was expected and what was seen.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public ConformanceException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    internal ConformanceException(ConformanceCase failed, Exception cause)
        : base($"{failed.Name} failed.\n  Contract: {failed.Contract}\n  Seen:     {cause.Message}", cause) => Case = failed;

    /// <summary>The case that failed, with the line of the contract it checks; null inside a case.</summary>
    public ConformanceCase? Case { get; }
}

/// <summary>What a case asserts with.</summary>
internal static class Check
{
    public static void That(bool condition, string expectation)
    {
        if (!condition)
        {
            throw new ConformanceException(expectation);
        }
    }

    public static void Equal<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new ConformanceException($"{what}: expected {expected}, got {actual}");
        }
    }

    public static void Keys(IEnumerable<string> expected, IEnumerable<string> actual, string what) =>
        Equal(string.Join(' ', expected.Select(Printable)), string.Join(' ', actual.Select(Printable)), what);

    // what a terminal cannot show, such as U+FFFD beside U+10000, is what such a failure is about
    private static string Printable(string key) => string.Concat(key.EnumerateRunes().Select(r =>
        r.Value is > 0x20 and < 0x7f ? r.ToString() : $"\\u{{{r.Value:x}}}"));

    public static async Task<T> ThrowsAsync<T>(Func<Task> action, string what)
        where T : Exception
    {
        try
        {
            await action().ConfigureAwait(false);
        }
        catch (T expected)
        {
            return expected;
        }
        catch (Exception other)
        {
            throw new ConformanceException($"{what}: expected {typeof(T).Name}, got {other.GetType().Name}: {other.Message}", other);
        }

        throw new ConformanceException($"{what}: expected {typeof(T).Name}, nothing was thrown");
    }
}
