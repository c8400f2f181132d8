using System.Collections.Concurrent;
using System.Globalization;

namespace Conclave.Testing;

internal enum MapAction
{
    Get,
    Set,
    TrySet,
    TryDelete,
    Delete,
    Increment,
}

/// <summary>What is done to one key; what it is expected to be stands for its revision, because no text is set twice.</summary>
internal readonly record struct MapCall(MapAction Action, string Key, string Value = "", string Expected = "")
{
    public override string ToString() => $"{Action} {Key}{(Value.Length == 0 ? "" : " = " + Value)}{(Action is MapAction.TrySet or MapAction.TryDelete ? $" if '{Expected}'" : "")}";
}

/// <summary>One key of a map. Absent is the empty text.</summary>
internal sealed class MapModel : ISequentialModel<string, MapCall, string>
{
    public string Initial => "";

    public (string Next, string Result) Apply(string state, MapCall operation) => operation.Action switch
    {
        MapAction.Get => (state, state),
        MapAction.Set => (operation.Value, "set"),
        MapAction.TrySet => state == operation.Expected ? (operation.Value, "set") : (state, "refused"),
        MapAction.TryDelete => state == operation.Expected ? ("", "deleted") : (state, "refused"),
        MapAction.Delete => ("", state.Length > 0 ? "deleted" : "absent"),
        _ => (Next(state), Next(state)),
    };

    public bool IsReadOnly(MapCall operation) => operation.Action == MapAction.Get;

    public static string Next(string? state) =>
        ((string.IsNullOrEmpty(state) ? 0 : int.Parse(state, CultureInfo.InvariantCulture)) + 1).ToString(CultureInfo.InvariantCulture);
}

/// <summary>Concurrent clients of a few keys of a map, some of whose answers are lost.</summary>
internal sealed class MapTraffic(ClaimRig rig, bool sessionsEnd)
{
    private const int Workers = 6;
    private static readonly string[] Keys = ["t1", "t2", "n1", "n2"];

    private readonly ConcurrentQueue<TimedOperation<MapCall, string>> _history = [];
    private long _sequence;
    private int _unknown;

    public async Task RunAsync()
    {
        var clients = Enumerable.Range(0, 3).Select(_ => rig.Client(sessionsEnded: sessionsEnd ? 0.3 : 0)).ToArray();
        var losses = new LostChanges(rig, clients, sessionsEnd);
        int wanted = rig.IsPlain ? 240 : 120;
        await rig.EventuallyAsync(
            Task.WhenAll(Enumerable.Range(0, Workers).Select(w => Task.Run(() => WorkAsync(w, clients[w % clients.Length], () => _history.Count >= wanted && IsStrong(losses))))),
            "everybody is served").ConfigureAwait(false);
        await losses.EndAsync().ConfigureAwait(false);
        await rig.Harness.CalmAsync().ConfigureAwait(false);
        foreach (string key in Keys)
        {
            await rig.EventuallyAsync(CallAsync(0, clients[0], new(MapAction.Get, key)), "the last value is read").ConfigureAwait(false);
        }

        Linearizability.Check(new MapModel(), [.. _history], o => o.Key).ThrowIfNotLinearizable();
        Check.That(IsStrong(losses), $"too weak: {losses.Count} answers were lost, {_unknown} outcomes are unknown");
        Check.That(sessionsEnd || _unknown == 0, $"{_unknown} outcomes are unknown although no session ended");
    }

    private bool IsStrong(LostChanges losses) => losses.Count >= 6 && (!sessionsEnd || Volatile.Read(ref _unknown) > 1);

    private async Task WorkAsync(int worker, RigClient client, Func<bool> isEnough)
    {
        var random = new Random((rig.Harness.Seed * 100) + worker);
        long start = TimeProvider.System.GetTimestamp();
        for (int i = 0; !isEnough() && _history.Count < 3000 && TimeProvider.System.GetElapsedTime(start) < rig.Harness.Patience / 2; i++)
        {
            string key = Keys[random.Next(Keys.Length)];
            var action = random.Next(10) switch
            {
                < 3 => MapAction.Get,
                9 => MapAction.Delete,
                _ when key[0] == 'n' => MapAction.Increment,
                < 6 => MapAction.Set,
                8 => MapAction.TryDelete,
                _ => MapAction.TrySet,
            };
            string value = action is MapAction.Set or MapAction.TrySet ? string.Create(CultureInfo.InvariantCulture, $"w{worker}-{i}") : "";
            await CallAsync(worker, client, new(action, key, value)).ConfigureAwait(false);
        }
    }

    private async Task CallAsync(int worker, RigClient client, MapCall call)
    {
        var map = client.Client.Map<string, string>("m", KitJson.Default.String);
        long revision = 0;
        if (call.Action is MapAction.TrySet or MapAction.TryDelete)
        {
            // what is expected is what is read now
            if (await GetAsync(map, call.Key).ConfigureAwait(false) is not { } now)
            {
                return;
            }

            (revision, call) = (now.Revision, call with { Expected = now.Value });
            if (revision == 0 && call.Action == MapAction.TryDelete)
            {
                return;
            }
        }

        long start = Interlocked.Increment(ref _sequence);
        string? result = null;
        bool isKnown = true;
        try
        {
            result = await AnswerAsync(map, call, revision).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            // nothing happened
            return;
        }
        catch (OutcomeUnknownException)
        {
            isKnown = false;
            Interlocked.Increment(ref _unknown);
        }

        _history.Enqueue(new(worker, start, isKnown ? Interlocked.Increment(ref _sequence) : long.MaxValue, call, result, isKnown));
    }

    private static async Task<(long Revision, string Value)?> GetAsync(DistributedMap<string, string> map, string key)
    {
        try
        {
            return await map.GetAsync(key).ConfigureAwait(false) is { } entry ? (entry.Revision, entry.Value) : (0, "");
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    private static async Task<string> AnswerAsync(DistributedMap<string, string> map, MapCall call, long revision)
    {
        switch (call.Action)
        {
            case MapAction.Get:
                await Task.Yield();
                return (await map.GetAsync(call.Key).ConfigureAwait(false))?.Value ?? "";
            case MapAction.Set:
                await map.SetAsync(call.Key, call.Value).ConfigureAwait(false);
                return "set";
            case MapAction.TrySet:
                return await map.TrySetAsync(call.Key, call.Value, revision).ConfigureAwait(false) is null ? "refused" : "set";
            case MapAction.TryDelete:
                return await map.TryDeleteAsync(call.Key, revision).ConfigureAwait(false) ? "deleted" : "refused";
            case MapAction.Delete:
                return await map.DeleteAsync(call.Key).ConfigureAwait(false) ? "deleted" : "absent";
            default:
                return (await map.UpdateAsync(call.Key, MapModel.Next).ConfigureAwait(false))!.Value;
        }
    }
}
