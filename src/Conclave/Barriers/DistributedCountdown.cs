using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// A countdown by name: it is done when it was signalled often enough, by whomever. It is as durable as the store: who signals may end, and who
/// waits may come later. Cheap and stateless; make one whenever you need it.
/// </summary>
public sealed class DistributedCountdown
{
    internal const string Kind = "countdown";

    private readonly AtomicEntry _entry;

    internal DistributedCountdown(Coordinator coordinator, string name, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        (_entry, Count) = (new(coordinator, Kind, name), count);
    }

    /// <summary>The name.</summary>
    public string Name => _entry.Name;

    /// <summary>How many signals it takes.</summary>
    public int Count { get; }

    /// <summary>Signals, exactly once, also when answers of the store are lost. Signals to one that is done change nothing.</summary>
    /// <param name="signals">How many signals.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been signalled.</param>
    /// <returns>How many signals are left; 0 when it is done.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="signals"/> is not positive.</exception>
    /// <exception cref="RuleMismatchException">Others use the name with another count.</exception>
    /// <inheritdoc cref="DistributedCounter.AddAsync" path="/exception"/>
    public async ValueTask<int> SignalAsync(int signals = 1, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(signals);
        int left = 0;
        _ = await _entry.ChangeAsync(
            before =>
            {
                int now = Left(before);
                left = Math.Max(0, now - signals);
                return left == now ? null : Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{left} {Count}"));
            },
            cancellationToken).ConfigureAwait(false);
        return left;
    }

    /// <summary>Reads how many signals are left.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>How many signals are left; 0 when it is done.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    /// <exception cref="RuleMismatchException">Others use the name with another count.</exception>
    public async ValueTask<int> GetAsync(CancellationToken cancellationToken = default) => Left(await _entry.GetAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>Waits until it is done. Survives outages.</summary>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="RuleMismatchException">Others use the name with another count.</exception>
    public async ValueTask WaitAsync(CancellationToken cancellationToken = default)
    {
        await foreach (var entry in _entry.ObserveAsync(cancellationToken).ConfigureAwait(false))
        {
            if (Left(entry) == 0)
            {
                return;
            }
        }
    }

    /// <summary>Begins anew, with the full count.</summary>
    /// <param name="cancellationToken">Cancels the call; it may have been reset.</param>
    /// <inheritdoc cref="DistributedCounter.AddAsync" path="/exception"/>
    public async ValueTask ResetAsync(CancellationToken cancellationToken = default) =>
        await _entry.ChangeAsync(_ => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Count} {Count}")), cancellationToken).ConfigureAwait(false);

    private int Left(Entry? entry)
    {
        if (entry is null)
        {
            return Count;
        }

        string[] parts = Encoding.UTF8.GetString(entry.Value.Span).Split(' ');
        return parts.Length != 2
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int left)
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            ? throw new StoreFormatException($"What is stored under '{_entry.Key}' is no countdown; put it right or delete it.")
            : count == Count
            ? left
            : throw new RuleMismatchException($"The countdown '{Name}' is used with a count of {count} by others; here it is {Count}. ResetAsync begins anew.");
    }
}
