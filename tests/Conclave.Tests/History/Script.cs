using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.History;

/// <summary>Histories written by hand.</summary>
internal static class Script
{
    public static readonly SessionId S = new("s");

    public static Entry E(string key, string value, long revision, long create = 0, SessionId? session = null) =>
        new(key, Bytes.Of(value), create == 0 ? revision : create, revision, session);

    public static StoreOperation Commit(int client, long start, long end, Transaction transaction, CommitResult? result, CallOutcome outcome = CallOutcome.Answered) =>
        new() { Call = StoreCall.Commit, Client = client, Start = start, End = end, Transaction = transaction, Result = result, Outcome = outcome };

    /// <summary>A put that reads back what it wrote.</summary>
    public static StoreOperation Put(int client, long start, long end, Entry entry, params Condition[] conditions) =>
        Puts(client, start, end, conditions, entry);

    public static StoreOperation Puts(int client, long start, long end, Condition[] conditions, params Entry[] entries) =>
        Commit(client, start, end, new(conditions, [.. entries.Select(Writing)], [.. entries.Select(e => Read.Get(e.Key))]), new(true, entries[0].Revision, [.. entries.Select(e => (System.Collections.Immutable.ImmutableArray<Entry>)[e])]));

    public static StoreOperation Refused(int client, long start, long end, Entry entry, Condition condition, long revision) =>
        Commit(client, start, end, new([condition], [Writing(entry)]), new(false, revision, []));

    public static StoreOperation Unknown(int client, long start, long end, params Entry[] entries) =>
        Commit(client, start, end, new(writes: [.. entries.Select(Writing)]), null, CallOutcome.Unknown);

    public static StoreOperation NotApplied(int client, long start, long end, Entry entry) =>
        Commit(client, start, end, new(writes: [Writing(entry)]), null, CallOutcome.NotApplied);

    public static StoreOperation Expired(int client, long start, long end, Entry entry) =>
        Commit(client, start, end, new(writes: [Writing(entry)]), null, CallOutcome.SessionExpired);

    public static StoreOperation Delete(int client, long start, long end, string key, long revision) =>
        Commit(client, start, end, new(writes: [Write.Delete(key)]), new(true, revision, []));

    public static StoreOperation Get(int client, long start, long end, string key, Entry? seen, long revision) =>
        Commit(client, start, end, new(reads: [Read.Get(key)]), new(true, revision, [seen is null ? [] : [seen]]));

    public static StoreOperation Scan(int client, long start, long end, Read scan, long revision, params Entry[] seen) =>
        Commit(client, start, end, new(reads: [scan]), new(true, revision, [[.. seen]]));

    public static StoreOperation Open(int client, long start, long end, SessionId? session = null) => Session(StoreCall.OpenSession, client, start, end, session);

    public static StoreOperation Renew(int client, long start, long end, bool renewed) => Session(StoreCall.RenewSession, client, start, end) with { Renewed = renewed };

    public static StoreOperation Close(int client, long start, long end, CallOutcome outcome = CallOutcome.Answered) =>
        Session(StoreCall.CloseSession, client, start, end) with { Outcome = outcome };

    private static StoreOperation Session(StoreCall call, int client, long start, long end, SessionId? session = null) =>
        new() { Call = call, Client = client, Start = start, End = end, Session = session ?? S, Outcome = CallOutcome.Answered };

    private static Write Writing(Entry entry) => Write.Put(entry.Key, entry.Value, entry.Session);
}
