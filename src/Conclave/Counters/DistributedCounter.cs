using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// A number by name that all processes change together, one after the other. It is as durable as the store, and stays when nobody is there. Cheap
/// and stateless; make one whenever you need it.
/// </summary>
public sealed class DistributedCounter
{
    internal const string Kind = "counter";

    private readonly AtomicEntry _entry;

    internal DistributedCounter(Coordinator coordinator, string name) => _entry = new(coordinator, Kind, name);

    /// <summary>The name.</summary>
    public string Name => _entry.Name;

    /// <summary>Reads the number.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The number; 0 when nobody has changed it yet.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    /// <exception cref="StoreFormatException">What is stored is no number.</exception>
    public async ValueTask<long> GetAsync(CancellationToken cancellationToken = default) =>
        Parse(await _entry.GetAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>Adds to the number, exactly once, also when answers of the store are lost.</summary>
    /// <param name="delta">What to add; negative to subtract.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been added.</param>
    /// <returns>The number after the addition.</returns>
    /// <exception cref="OverflowException">The sum does not fit 64 bits; nothing was changed.</exception>
    /// <exception cref="StoreUnavailableException">The store could not be reached within the operation timeout; nothing was changed.</exception>
    /// <exception cref="OutcomeUnknownException">The session ended before it was known whether it was added.</exception>
    /// <exception cref="StoreFormatException">What is stored is no number.</exception>
    public async ValueTask<long> AddAsync(long delta = 1, CancellationToken cancellationToken = default)
    {
        var (_, after) = await _entry.ChangeAsync(before => ToValue(checked(Parse(before) + delta)), cancellationToken).ConfigureAwait(false);
        return Parse(after);
    }

    /// <summary>Sets the number if it is as expected.</summary>
    /// <param name="value">The new number.</param>
    /// <param name="expected">What it must be now; a number that nobody has changed yet is 0.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been set.</param>
    /// <returns>True when it was as expected and is set.</returns>
    /// <inheritdoc cref="AddAsync" path="/exception"/>
    public async ValueTask<bool> TrySetAsync(long value, long expected, CancellationToken cancellationToken = default)
    {
        bool matches = false;
        _ = await _entry.ChangeAsync(before => (matches = Parse(before) == expected) ? ToValue(value) : null, cancellationToken).ConfigureAwait(false);
        return matches;
    }

    /// <summary>Watches the number: as it is now, then after every change. Changes that follow each other quickly may be seen as one. Survives outages.</summary>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <returns>Numbers; it ends only by cancellation or an error that no repetition mends.</returns>
    public async IAsyncEnumerable<long> ObserveAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        long? seen = null;
        await foreach (var entry in _entry.ObserveAsync(cancellationToken).ConfigureAwait(false))
        {
            long now = Parse(entry);
            if (now != seen)
            {
                seen = now;
                yield return now;
            }
        }
    }

    private long Parse(Entry? entry) =>
        entry is null ? 0
        : long.TryParse(entry.Value.Span, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value
        : throw new StoreFormatException($"What is stored under '{_entry.Key}' is no number; put it right or delete it.");

    private static byte[] ToValue(long value) => Encoding.UTF8.GetBytes(value.ToString(CultureInfo.InvariantCulture));
}
