using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>Finds the answers to reads among what a transaction of Consul has found.</summary>
internal static class TxnReads
{
    /// <param name="reads">What was asked for.</param>
    /// <param name="items">What was found: each key once, those of a prefix in order.</param>
    /// <param name="skip">How many of the items are no answers.</param>
    /// <param name="keys">The namespace.</param>
    public static ImmutableArray<ImmutableArray<Entry>> Answer(ImmutableArray<Read> reads, IReadOnlyList<TxnItem> items, int skip, ConsulKeys keys)
    {
        if (reads.IsEmpty)
        {
            return [];
        }

        var entries = new List<Entry>(Math.Max(0, items.Count - skip));
        for (int i = skip; i < items.Count; i++)
        {
            if (keys.Name(items[i].Key) is { } name)
            {
                var item = items[i];
                entries.Add(new(name, item.Value, item.CreateIndex, item.ModifyIndex, item.Session is null ? null : new SessionId(item.Session)));
            }
        }

        var answers = new ImmutableArray<Entry>[reads.Length];
        for (int i = 0; i < answers.Length; i++)
        {
            answers[i] = reads[i].IsScan ? Scan(reads[i], entries) : Get(reads[i].Key, entries);
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(answers);
    }

    private static ImmutableArray<Entry> Get(string key, List<Entry> entries)
    {
        foreach (var entry in entries)
        {
            if (entry.Key == key)
            {
                return [entry];
            }
        }

        return [];
    }

    // Consul knows no pages: the whole prefix was sent
    private static ImmutableArray<Entry> Scan(Read read, List<Entry> entries)
    {
        var found = ImmutableArray.CreateBuilder<Entry>();
        foreach (var entry in entries)
        {
            if (entry.Key.StartsWith(read.Key, StringComparison.Ordinal)
                && (read.StartAfter is null || KeyOrder.Instance.Compare(entry.Key, read.StartAfter) > 0))
            {
                found.Add(entry);
                if (found.Count == read.Limit)
                {
                    break;
                }
            }
        }

        return found.DrainToImmutable();
    }
}
