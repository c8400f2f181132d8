using System.Globalization;
using System.Text;
using System.Text.Json;
using Conclave.Cli.Output;
using Conclave.Storage;

namespace Conclave.Cli;

/// <summary><c>conclave store check</c>: does everything once that a lock needs, and says what the store guarantees.</summary>
internal static class StoreCheckCommand
{
    private const int Samples = 20;

    public static async Task<int> RunAsync(StoreCheckSettings settings, Messages messages)
    {
        var store = StoreLocator.Open(settings.Store ?? settings.Global.Store);
        await using (store.ConfigureAwait(false))
        {
            StoreLocator.WarnAboutReach(store, messages);
            var result = await CheckAsync(store, new BootTimeProvider()).ConfigureAwait(false);
            StandardStream.Out.Write(settings.Global.Json
                ? JsonSerializer.Serialize(result, CliJson.Document.StoreCheckDocument) + "\n"
                : Text(result, store));
            return ExitCode.Success;
        }
    }

    private static async Task<StoreCheckDocument> CheckAsync(IStore store, TimeProvider time)
    {
        long start = time.GetTimestamp();
        _ = await store.GetAsync(StoreNames.EpochKey).ConfigureAwait(false);
        double firstAnswer = time.GetElapsedTime(start).TotalMilliseconds;

        var session = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
        string prefix = $"check/{session.Id.Value}/";
        double read = await MedianAsync(time, () => store.GetAsync(prefix).AsTask()).ConfigureAwait(false);
        double write = await MedianAsync(time, () => store.PutAsync(prefix + "write", default, session.Id).AsTask()).ConfigureAwait(false);
        double hint = await MedianAsync(time, () => HintAsync(store, prefix, session.Id)).ConfigureAwait(false);
        if (!await store.RenewSessionAsync(session.Id).ConfigureAwait(false))
        {
            throw Wrong("refused to renew a session that is alive");
        }

        await store.CloseSessionAsync(session.Id).ConfigureAwait(false);
        if (!(await store.CommitAsync(new(reads: [Read.Scan(prefix)])).ConfigureAwait(false)).Reads[0].IsEmpty)
        {
            throw Wrong("kept the entries of a session that was closed");
        }

        // after the first answer: some engines learn from it what they guarantee
        var description = store.Description;
        var (offset, error) = await ClockOffsetAsync(store, time).ConfigureAwait(false);
        return new(
            $"{description.Engine}:{description.Address}", description.Engine, description.Address,
            Round(firstAnswer), Round(read), Round(write), Round(hint), session.TimeToLive.TotalSeconds, offset, error,
            new(
                Word(description.Reach), Word(description.Durability), Word(description.ExpiryClock), description.MinTimeToLive.TotalSeconds,
                description.ExpiryBound.TotalSeconds, description.ExpiryStretch, description.EndsSessionsEarly, description.FailoverLoses));

        CliException Wrong(string what) => new(ExitCode.InternalError, $"the store {store.Description.Engine}:{store.Description.Address} {what}; do not use it for locks.");
    }

    /// <summary>Waits for a change of its own, as a waiter for a lock does.</summary>
    private static async Task HintAsync(IStore store, string prefix, SessionId session)
    {
        string key = prefix + "hint";
        long revision = (await store.CommitAsync(new(reads: [Read.Get(key)])).ConfigureAwait(false)).Revision;
        var wait = store.WaitForChangeAsync(key, revision).AsTask();
        long changed = await store.PutAsync(key, default, session).ConfigureAwait(false);
        while (await wait.ConfigureAwait(false) < changed)
        {
            wait = store.WaitForChangeAsync(key, revision).AsTask();
        }
    }

    private static async Task<double> MedianAsync(TimeProvider time, Func<Task> call)
    {
        double[] samples = new double[Samples];
        for (int i = 0; i < Samples; i++)
        {
            long start = time.GetTimestamp();
            await call().ConfigureAwait(false);
            samples[i] = time.GetElapsedTime(start).TotalMilliseconds;
        }

        Array.Sort(samples);
        return samples[Samples / 2];
    }

    /// <summary>Cristian's method: the server's time against the middle of the call, wrong by at most half of it.</summary>
    private static async Task<(double? Offset, double? Error)> ClockOffsetAsync(IStore store, TimeProvider time)
    {
        if (store is not IServerClock clock)
        {
            return (null, null);
        }

        var before = time.GetUtcNow();
        long start = time.GetTimestamp();
        var (server, resolution) = await clock.GetServerTimeAsync().ConfigureAwait(false);
        var half = time.GetElapsedTime(start) / 2;
        return (Round((server - (before + half)).TotalSeconds), Round((half + resolution).TotalSeconds));
    }

    private static string Text(StoreCheckDocument result, IStore store)
    {
        var text = new StringBuilder();
        Line("store", result.Store);
        Line("first answer", Milliseconds(result.FirstAnswerMilliseconds));
        Line("read", $"{Milliseconds(result.ReadMilliseconds)} (median of {Samples})");
        Line("write", $"{Milliseconds(result.WriteMilliseconds)} (median of {Samples})");
        Line("change hint", $"{Milliseconds(result.HintMilliseconds)} for a read, a write and the wake-up by it (median of {Samples})");
        Line("session", $"opened with {Number(result.TimeToLiveSeconds)} s, renewed, closed; its entries went with it");
        Line("server clock", result.ClockOffsetSeconds is { } offset
            ? $"{Number(Math.Abs(offset))} s {(offset < 0 ? "behind" : "ahead of")} ours (± {Number(result.ClockErrorSeconds!.Value)} s); nothing depends on it"
            : store.Description.Reach == StoreReach.Network ? "the engine does not tell" : "this machine's own");
        var guarantees = result.Guarantees;
        Line("who can meet", guarantees.Reach);
        Line("durability", guarantees.Durability);
        Line("expiry", $"by {guarantees.ExpiryClock}, gone after {(guarantees.ExpiryStretch > 0 ? $"{Number(1 + guarantees.ExpiryStretch)} × " : "")}time to live"
            + $" + {Number(guarantees.ExpiryBoundSeconds)} s at the latest; shortest time to live {Number(guarantees.MinTimeToLiveSeconds)} s");
        Line("ends early", guarantees.EndsSessionsEarly ?? "never");
        Line("failover loses", guarantees.FailoverLoses ?? "nothing");
        return text.ToString();

        void Line(string what, string value) => text.Append(CultureInfo.InvariantCulture, $"{what,-15} {Messages.Printable(value)}\n");
    }

    private static string Milliseconds(double value) => Number(value) + " ms";

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static double Round(double value) => Math.Round(value, 3);

    private static string Word(Enum value) => value switch
    {
        StoreReach.Process => "the code of one process",
        StoreReach.Machine => "the processes of one machine",
        StoreReach.Network => "the machines of a network",
        StoreDurability.None => "nothing survives",
        StoreDurability.DurableEntries => "entries survive a crash, sessions end with it",
        StoreDurability.Everything => "everything survives a crash",
        ExpiryClock.Monotonic => "the engine's monotonic clock",
        _ => "others that saw the session stand still",
    };
}
