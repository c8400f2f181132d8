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
        var bound = store.Description.LatestExpiry(timeToLive) + (harness.FollowsClock ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromSeconds(2));
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
            await harness.PassAsync(store.Description.LatestExpiry(timeToLive) + TimeSpan.FromMilliseconds(harness.FollowsClock ? late : late + 1000)).ConfigureAwait(false);
            Check.That(!await store.RenewSessionAsync(session).ConfigureAwait(false), "a renewal after the expiry is refused");
            Check.That(await store.GetAsync("s").ConfigureAwait(false) is null, "a late renewal brings nothing back");
            _ = await Check.ThrowsAsync<SessionExpiredException>(() => store.PutAsync("s", default, session).AsTask(), "a put after the expiry").ConfigureAwait(false);
        }
    }

    /// <summary>Close to the end a renewal may be accepted or refused; what it says must be true.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ARenewalAroundTheEndTellsTheTruth(StoreHarness harness)
    {
        int[] distances = harness.FollowsClock ? [-200, -20, -1, 0, 1, 20, 200] : [-150, 0, 400];
        foreach (int distance in distances)
        {
            var store = Connect(harness);
            var (session, timeToLive) = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
            long created = await store.PutAsync("s", default, session).ConfigureAwait(false);
            await harness.PassAsync(timeToLive + TimeSpan.FromMilliseconds(distance)).ConfigureAwait(false);
            bool renewed = await store.RenewSessionAsync(session).ConfigureAwait(false);
            Check.That(renewed || distance >= 0 || !harness.FollowsClock, $"a renewal {-distance} ms before the end is accepted");
            var entry = await store.GetAsync("s").ConfigureAwait(false);
            Check.Equal(renewed ? created : 0, entry?.CreateRevision ?? 0, $"the entry of a session that was {(renewed ? "renewed" : "refused")} {distance} ms after its time to live");
            await harness.PassAsync(timeToLive / 2).ConfigureAwait(false);
            Check.Equal(renewed, await store.GetAsync("s").ConfigureAwait(false) is not null, $"the entry half a time to live after the answer {renewed}");
            Check.Equal(renewed, await store.RenewSessionAsync(session).ConfigureAwait(false), $"the next renewal after the answer {renewed}");
            await store.CloseSessionAsync(session).ConfigureAwait(false);
            await store.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Many sessions that end at once, and one that lives on.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task TheEndOfManySessionsSparesTheOneThatIsRenewed(StoreHarness harness)
    {
        var store = Connect(harness);
        var (alive, timeToLive) = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
        await store.PutAsync("alive", default, alive).ConfigureAwait(false);
        for (int i = 0; i < 50; i++)
        {
            var dying = (await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false)).Id;
            await store.CommitAsync(new(writes: [Write.Put(Key("dying/a", i), default, dying), Write.Put(Key("dying/b", i), default, dying)])).ConfigureAwait(false);
            if (i % 10 == 0)
            {
                Check.That(await store.RenewSessionAsync(alive).ConfigureAwait(false), "the session that is renewed lives");
            }
        }

        bool halves = false;
        long lastRenewal = 0;
        await harness.UntilAsync(
            async () =>
            {
                if (harness.Clock.GetElapsedTime(lastRenewal) > timeToLive / 4)
                {
                    lastRenewal = harness.Clock.GetTimestamp();
                    Check.That(await store.RenewSessionAsync(alive).ConfigureAwait(false), "the session that is renewed lives");
                }

                var left = (await store.CommitAsync(new(reads: [Read.Scan("dying/")])).ConfigureAwait(false)).Reads[0];
                halves |= left.GroupBy(e => e.Session).Any(g => g.Count() != 2);
                return left.IsEmpty;
            },
            "the entries of fifty sessions vanish").ConfigureAwait(false);
        Check.That(!halves, "the entries of one session vanish in one step");
        Check.That(await store.GetAsync("alive").ConfigureAwait(false) is not null, "the entry of the session that is renewed stays");
    }

    /// <summary>An administrator, NTP, or a machine that was paused.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AWallClockThatStepsEndsNoSessionAndKeepsNone(StoreHarness harness)
    {
        var store = Connect(harness);
        foreach (int hours in (int[])[1, -1, -24, 48])
        {
            var (alive, timeToLive) = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
            var dying = (await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false)).Id;
            await store.CommitAsync(new(writes: [Write.Put("alive", default, alive), Write.Put("dying", default, dying)])).ConfigureAwait(false);
            harness.Time.StepWallClock(TimeSpan.FromHours(hours));
            await harness.PassAsync(timeToLive / 4).ConfigureAwait(false);
            Check.That(await store.RenewSessionAsync(alive).ConfigureAwait(false), $"a session is renewed after a step of the wall clock by {hours} h");
            Check.That(!harness.FollowsClock || await store.GetAsync("dying").ConfigureAwait(false) is not null, $"a step of the wall clock by {hours} h ends no session");
            var end = store.Description.LatestExpiry(timeToLive) + (harness.FollowsClock ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromSeconds(2));
            long start = harness.Clock.GetTimestamp();
            while (harness.Clock.GetElapsedTime(start) < end)
            {
                await harness.PassAsync(timeToLive / 4).ConfigureAwait(false);
                Check.That(await store.RenewSessionAsync(alive).ConfigureAwait(false), $"a session lives on after a step of the wall clock by {hours} h");
            }

            Check.That(await store.GetAsync("dying").ConfigureAwait(false) is null, $"a session ends in time after a step of the wall clock by {hours} h");
            Check.That(await store.GetAsync("alive").ConfigureAwait(false) is not null, "the entry of the session that was renewed stays");
            await store.CloseSessionAsync(alive).ConfigureAwait(false);
            if (!harness.FollowsClock)
            {
                // a server's clock is stepped by the tests of its engine
                return;
            }
        }
    }

    /// <summary>While a session with many entries ends, others look.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task OthersSeeAllEntriesOfASessionOrNone(StoreHarness harness)
    {
        const int count = 30;
        var store = Connect(harness);
        var other = Connect(harness);
        int looks = 0;
        for (int round = 0; round < 30; round++)
        {
            var (session, timeToLive) = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
            await store.CommitAsync(new(writes: [.. Enumerable.Range(0, count).Select(i => Write.Put(Key("s", i), default, session))])).ConfigureAwait(false);
            var looking = Task.Run(async () =>
            {
                int seen = count;
                while (seen > 0)
                {
                    seen = (await other.CommitAsync(new(reads: [Read.Scan("s/")])).ConfigureAwait(false)).Reads[0].Length;
                    Check.That(seen is 0 or count, $"others see all {count} entries of a session that ends, or none; not {seen}");
                    Interlocked.Increment(ref looks);
                }
            });
            int before = Volatile.Read(ref looks);
            await harness.UntilAsync(() => new(Volatile.Read(ref looks) > before || looking.IsCompleted), "others look").ConfigureAwait(false);
            if (round % 2 == 1 && harness.FollowsClock)
            {
                await harness.PassAsync(store.Description.LatestExpiry(timeToLive)).ConfigureAwait(false);
            }

            await store.CloseSessionAsync(session).ConfigureAwait(false);
            _ = await harness.SoonAsync(Ended(looking), "others see that a session has ended").ConfigureAwait(false);
            await looking.ConfigureAwait(false);
        }

        static async Task<bool> Ended(Task task)
        {
            await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
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
