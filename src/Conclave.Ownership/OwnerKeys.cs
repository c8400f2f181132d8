using System.Text;
using Conclave.Storage;

namespace Conclave.Ownership;

/// <summary>
/// Where everything about one key stands in the store: the record of its owner, and beside it an entry for each process that waits, which
/// original clients do not look at.
/// </summary>
internal sealed class OwnerKeys
{
    public const string Kind = "owner";

    private const int SlugRoom = 32;

    private readonly Read[] _reads;

    /// <exception cref="ArgumentException">The key is empty, not well-formed, or too long.</exception>
    public OwnerKeys(string prefix, string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        (Prefix, Key) = (prefix, key);
        Base = $"{Kind}/{StoreNames.Escape(prefix)}/{StoreNames.Escape(key)}/";
        Record = Base + "record";
        Waiters = Base + "wait/";
        if (Encoding.UTF8.GetByteCount(Waiters) + SlugRoom > StoreLimits.MaxKeyBytes)
        {
            throw new ArgumentException("The prefix and the key are too long together: both with '/' and '%' escaped may have 970 UTF-8 bytes.", nameof(key));
        }

        _reads = [Read.Get(Record), Read.Scan(Waiters)];
        ReadAll = new(reads: _reads);
    }

    public string Prefix { get; }

    public string Key { get; }

    /// <summary>What everything of the key begins with.</summary>
    public string Base { get; }

    public string Record { get; }

    /// <summary>What every waiter's entry begins with.</summary>
    public string Waiters { get; }

    public Transaction ReadAll { get; }

    /// <summary>A transaction that answers with everything there is about the key.</summary>
    public Transaction With(ReadOnlySpan<Condition> conditions, ReadOnlySpan<Write> writes) => new(conditions, writes, _reads);

    public string Waiter(string slug) => Waiters + slug;
}
