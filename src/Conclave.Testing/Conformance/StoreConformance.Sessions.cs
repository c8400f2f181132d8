using Conclave.Storage;

namespace Conclave.Testing;

public static partial class StoreConformance
{
    /// <summary>Closing is one commit.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ClosingASessionDeletesItsEntriesInOneRevision(StoreHarness harness)
    {
        var store = Connect(harness);
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)).Id;
        await store.PutAsync("s/1", default, session).ConfigureAwait(false);
        await store.PutAsync("s/2", default, session).ConfigureAwait(false);
        long last = await store.PutAsync("other", default).ConfigureAwait(false);
        await store.CloseSessionAsync(session).ConfigureAwait(false);
        await store.CloseSessionAsync(session).ConfigureAwait(false);
        var after = await store.CommitAsync(new(reads: [Read.Scan("")])).ConfigureAwait(false);
        Check.Keys(["other"], after.Reads[0].Select(e => e.Key), "entries after the session was closed");
        Check.That(after.Revision > last, "the end of a session with entries is a commit with a revision");
        Check.That(!await store.RenewSessionAsync(session).ConfigureAwait(false), "a closed session is not renewed");
    }

    /// <summary>Later puts do not move an entry from session to session.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AnEntryKeepsTheSessionThatCreatedIt(StoreHarness harness)
    {
        var store = Connect(harness);
        var first = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)).Id;
        var second = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)).Id;
        await store.PutAsync("bound", default, first).ConfigureAwait(false);
        await store.PutAsync("bound", Bytes("2"), second).ConfigureAwait(false);
        await store.PutAsync("bound", Bytes("3")).ConfigureAwait(false);
        await store.PutAsync("free", default).ConfigureAwait(false);
        await store.PutAsync("free", default, first).ConfigureAwait(false);
        Check.Equal(first, (await store.GetAsync("bound").ConfigureAwait(false))!.Session!.Value, "the session of an entry that was put three times");
        await store.CloseSessionAsync(second).ConfigureAwait(false);
        Check.Equal("3", await store.GetAsync("bound").ConfigureAwait(false) is { } bound ? Text(bound) : "nothing", "the entry after another session ended");
        await store.CloseSessionAsync(first).ConfigureAwait(false);
        Check.That(await store.GetAsync("bound").ConfigureAwait(false) is null, "the entry ends with the session that created it");
        Check.That(await store.GetAsync("free").ConfigureAwait(false) is not null, "an entry created without a session stays");
    }

    /// <summary>Never early, and not late by more than the store's bound.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ASessionLivesForItsTimeToLiveAfterEachRenewalAndNotMuchLonger(StoreHarness harness)
    {
        var store = Connect(harness);
        var clock = harness.Clock;
        long sent = clock.GetTimestamp();
        var (session, timeToLive) = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
        Check.That(timeToLive >= StoreLimits.MinTimeToLive, "the effective time to live is not shorter than the one asked for");
        await store.PutAsync("s", default, session).ConfigureAwait(false);
        for (int i = 0; i < 6; i++)
        {
            await harness.PassAsync(timeToLive / 3).ConfigureAwait(false);
            sent = clock.GetTimestamp();
            Check.That(await store.RenewSessionAsync(session).ConfigureAwait(false), "a session is renewed in time");
        }

        await harness.UntilAsync(async () => await store.GetAsync("s").ConfigureAwait(false) is null, "the entry of a session without renewal vanishes").ConfigureAwait(false);
        long gone = clock.GetTimestamp();
        Check.That(clock.GetElapsedTime(sent, gone) >= timeToLive, $"the session ended {clock.GetElapsedTime(sent, gone)} after its last renewal was sent, its time to live is {timeToLive}");
        var bound = timeToLive + store.Description.ExpiryBound + (harness.FollowsClock ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromSeconds(2));
        Check.That(clock.GetElapsedTime(sent, gone) <= bound, $"the session ended {clock.GetElapsedTime(sent, gone)} after its last renewal, the bound is {bound}");
    }

    /// <summary>Closed, and never was.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task APutWithADeadSessionWritesNothing(StoreHarness harness)
    {
        var store = Connect(harness);
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)).Id;
        await store.CloseSessionAsync(session).ConfigureAwait(false);
        _ = await Check.ThrowsAsync<SessionExpiredException>(
            () => store.CommitAsync(new(writes: [Write.Put("a", default), Write.Put("b", default, session)])).AsTask(), "a put with a closed session").ConfigureAwait(false);
        await store.PutAsync("c", Bytes("1")).ConfigureAwait(false);
        _ = await Check.ThrowsAsync<SessionExpiredException>(
            () => store.PutAsync("c", Bytes("2"), session).AsTask(), "a put of an existing key with a closed session").ConfigureAwait(false);
        var all = await store.CommitAsync(new(reads: [Read.Scan("")])).ConfigureAwait(false);
        Check.Keys(["c"], all.Reads[0].Select(e => e.Key), "keys after the refused puts");
        Check.Equal("1", Text(all.Reads[0][0]), "the value after the refused put");
    }

    /// <summary>A renewal that comes too late is refused, also when nobody looked in between.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AnExpiredSessionIsNeverRevived(StoreHarness harness)
    {
        foreach (int late in (int[])[1, 50, 2500])
        {
            var store = Connect(harness);
            var (session, timeToLive) = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
            await store.PutAsync("s", default, session).ConfigureAwait(false);
            await harness.PassAsync(timeToLive + store.Description.ExpiryBound + TimeSpan.FromMilliseconds(harness.FollowsClock ? late : late + 1000)).ConfigureAwait(false);
            Check.That(!await store.RenewSessionAsync(session).ConfigureAwait(false), "a renewal after the expiry is refused");
            Check.That(await store.GetAsync("s").ConfigureAwait(false) is null, "a late renewal brings nothing back");
            _ = await Check.ThrowsAsync<SessionExpiredException>(() => store.PutAsync("s", default, session).AsTask(), "a put after the expiry").ConfigureAwait(false);
        }
    }

    /// <summary>Ids and limits.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task SessionIdsAreNewAndTimesToLiveHaveLimits(StoreHarness harness)
    {
        var store = Connect(harness);
        var ids = new HashSet<SessionId>();
        for (int i = 0; i < 20; i++)
        {
            var grant = await store.OpenSessionAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
            Check.That(ids.Add(grant.Id), $"the session id {grant.Id} is new");
            Check.That(grant.Id.Value.Length > 0 && grant.Id.Value.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'), "a session id is ASCII letters, digits and dashes");
            await store.CloseSessionAsync(grant.Id).ConfigureAwait(false);
        }

        foreach (var wrong in (TimeSpan[])[TimeSpan.Zero, TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(1.9), TimeSpan.FromMinutes(10.1), TimeSpan.FromDays(3650)])
        {
            _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => store.OpenSessionAsync(wrong).AsTask(), $"a time to live of {wrong}").ConfigureAwait(false);
        }
    }
}
