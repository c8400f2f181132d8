namespace Conclave.Torture;

/// <summary>What must hold of the claims of a history.</summary>
internal static class ClaimOracles
{
    private static readonly string[] Exclusive = ["lock", "leader"];

    public static IEnumerable<Violation> Check(IReadOnlyList<Hold> holds) =>
        holds.Where(h => Exclusive.Contains(h.Kind)).GroupBy(h => (h.Kind, h.Name)).SelectMany(g => Overlaps(g.Key, [.. g]).Concat(Tokens(g.Key, [.. g])))
            .Concat(holds.Where(h => h.Kind == "semaphore").GroupBy(h => (h.Kind, h.Name)).SelectMany(g => Permits(g.Key, [.. g])));

    /// <summary>How long each name was free while somebody wanted it.</summary>
    public static IReadOnlyList<HandOver> HandOvers(IReadOnlyList<Hold> holds)
    {
        var found = new List<HandOver>();
        foreach (var group in holds.Where(h => Exclusive.Contains(h.Kind) && h.From is not null).GroupBy(h => (h.Kind, h.Name)))
        {
            Hold? before = null;
            foreach (var hold in group.OrderBy(h => h.Granted))
            {
                if (before is not null && hold.Called < before.To && hold.Granted > before.To)
                {
                    found.Add(new(group.Key.Kind, group.Key.Name, before.To, hold.Granted));
                }

                before = before is null || hold.To > before.To ? hold : before;
            }
        }

        return found;
    }

    /// <summary>How many ownerships began while somebody else believed to be the owner: allowed, and rare.</summary>
    public static int Shared(IReadOnlyList<Hold> holds)
    {
        int shared = 0;
        foreach (var group in holds.Where(h => h.Kind == "ownership" && h.From is not null).GroupBy(h => h.Name))
        {
            long latest = 0;
            foreach (var hold in group.OrderBy(h => h.From))
            {
                shared += hold.From < latest ? 1 : 0;
                latest = Math.Max(latest, hold.To);
            }
        }

        return shared;
    }

    /// <summary>Who got its turn after the epoch was raised has a token of that epoch.</summary>
    /// <param name="holds">Every claim.</param>
    /// <param name="raised">The epochs, and when the store had confirmed each.</param>
    public static IEnumerable<Violation> Epochs(IReadOnlyList<Hold> holds, IReadOnlyList<(long Epoch, long At)> raised)
    {
        foreach (var group in holds.Where(h => Exclusive.Contains(h.Kind)).GroupBy(h => (h.Kind, h.Name)))
        {
            foreach (var (before, hold) in group.OrderBy(h => h.Granted).ThenBy(h => h.Token).Pairs())
            {
                // it was let in after the one before was last believed, by a reading of that time
                var epoch = raised.LastOrDefault(r => r.At < before.To);
                if (before is { From: not null, IsForgotten: false } && before.To < hold.Granted && EpochOf(hold) < epoch.Epoch)
                {
                    yield return new(
                        "tokens", $"{group.Key.Kind} '{group.Key.Name}': worker {hold.Worker} was let in after epoch {epoch.Epoch} had come, and its token {hold.Token} is of epoch {EpochOf(hold)}",
                        hold.Granted, group.Key);
                }
            }
        }
    }

    // the upper part of a token
    private static long EpochOf(Hold hold) => hold.Token >> 48;

    private static IEnumerable<(Hold Before, Hold Hold)> Pairs(this IEnumerable<Hold> holds)
    {
        Hold[] all = [.. holds];
        return all.Zip(all.Skip(1));
    }

    /// <summary>No two believe at the same moment.</summary>
    private static IEnumerable<Violation> Overlaps((string Kind, string Name) name, Hold[] holds)
    {
        Hold? latest = null;
        foreach (var hold in holds.Where(h => h.From is not null).OrderBy(h => h.From))
        {
            if (latest is not null && hold.Overlaps(latest))
            {
                double overlap = (Math.Min(latest.To, hold.To) - hold.From!.Value) / 1e6;
                yield return new(
                    "mutual exclusion",
                    $"{name.Kind} '{name.Name}': workers {latest.Worker} (token {latest.Token}) and {hold.Worker} (token {hold.Token}) both believed for {overlap:0.000} ms",
                    hold.From, name, [latest], Math.Min(latest.To, hold.To));
            }

            latest = latest is null || hold.To > latest.To ? hold : latest;
        }
    }

    /// <summary>Who asks after another was granted gets a larger token; none is given twice.</summary>
    private static IEnumerable<Violation> Tokens((string Kind, string Name) name, Hold[] holds)
    {
        foreach (var twice in holds.GroupBy(h => h.Token).Where(g => g.Count() > 1))
        {
            yield return new("tokens", $"{name.Kind} '{name.Name}': token {twice.Key} was granted {twice.Count()} times", twice.First().Granted, name);
        }

        var granted = new Queue<Hold>(holds.OrderBy(h => h.Granted));
        Hold? largest = null;
        foreach (var hold in holds.OrderBy(h => h.Called))
        {
            while (granted.TryPeek(out var earlier) && earlier.Granted < hold.Called)
            {
                granted.Dequeue();
                largest = largest is null || earlier.Token > largest.Token ? earlier : largest;
            }

            if (largest is not null && hold.Token <= largest.Token)
            {
                yield return new(
                    "tokens", $"{name.Kind} '{name.Name}': worker {hold.Worker} asked after token {largest.Token} was granted, and got {hold.Token}", hold.Granted, name);
            }
        }
    }

    /// <summary>Never more permits in use than there are.</summary>
    private static IEnumerable<Violation> Permits((string Kind, string Name) name, Hold[] holds)
    {
        // at the same moment, who ends is counted after who begins: both believed then
        var changes = holds.Where(h => h.From is not null).SelectMany(h => ((long At, int Weight, Hold Hold)[])[(h.From!.Value, h.Weight, h), (h.To, -h.Weight, h)])
            .OrderBy(c => c.At).ThenByDescending(c => c.Weight);
        int used = 0;
        var believers = new List<Hold>();
        foreach (var (at, weight, hold) in changes)
        {
            used += weight;
            if (weight > 0 && used > Exercises.Permits)
            {
                yield return new("permits", $"semaphore '{name.Name}': {used} of {Exercises.Permits} permits in use", at, name, [.. believers]);
            }

            if (weight > 0)
            {
                believers.Add(hold);
            }
            else
            {
                _ = believers.Remove(hold);
            }
        }
    }
}
