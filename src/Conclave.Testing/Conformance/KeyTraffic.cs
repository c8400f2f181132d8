using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Testing;

internal enum KeyAction
{
    Read,
    Put,
    Delete,
    Increment,
}

/// <summary>What is done to one key.</summary>
internal readonly record struct KeyOperation(KeyAction Action, string Key, string Value = "")
{
    public override string ToString() => $"{Action} {StoreText.Key(Key)}{(Value.Length == 0 ? "" : " = " + Value)}";
}

/// <summary>One key: a register, or a number. Absent is the empty text, and 0.</summary>
internal sealed class KeyModel : ISequentialModel<string, KeyOperation, string>
{
    public string Initial => "";

    public (string Next, string Result) Apply(string state, KeyOperation operation) => operation.Action switch
    {
        KeyAction.Read => (state, state),
        KeyAction.Put => (operation.Value, ""),
        KeyAction.Delete => ("", ""),
        _ => Incremented(state),
    };

    public bool IsReadOnly(KeyOperation operation) => operation.Action == KeyAction.Read;

    public static string Next(string state) =>
        ((state.Length == 0 ? 0 : int.Parse(state, CultureInfo.InvariantCulture)) + 1).ToString(CultureInfo.InvariantCulture);

    private static (string, string) Incremented(string state) => (Next(state), Next(state));
}

/// <summary>Concurrent clients of a few keys.</summary>
internal sealed class KeyTraffic
{
    private const int Workers = 6;
    private const int Wanted = 600;
    private const int Most = 3000;

    private readonly StoreHarness _harness;
    private readonly IStore[] _stores;
    private readonly ConcurrentQueue<TimedOperation<KeyOperation, string>> _history = [];
    private readonly TaskCompletionSource _allAreHere = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sequence;
    private int _here;
    private int _unknown;
    private int _conflicts;

    public KeyTraffic(StoreHarness harness)
    {
        _harness = harness;
        _stores = [.. Enumerable.Range(0, 2).Select(_ => harness.ConnectUnderClient(harness.Clock))];
    }

    public async Task<IReadOnlyList<TimedOperation<KeyOperation, string>>> RunAsync()
    {
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(w => Task.Run(() => WorkAsync(w)))).ConfigureAwait(false);
        await _harness.CalmAsync().ConfigureAwait(false);
        foreach (string key in Keys)
        {
            await DoAsync(0, _stores[0], new(KeyAction.Read, key)).ConfigureAwait(false);
        }

        return [.. _history];
    }

    public void ThrowIfWeak(IReadOnlyList<TimedOperation<KeyOperation, string>> history)
    {
        string seen = string.Create(CultureInfo.InvariantCulture, $"{history.Count} operations, {_conflicts} conflicts, {_unknown} unknown outcomes");
        Check.That(history.Count >= Wanted && _conflicts > 0 && (_unknown > 0) == _harness.IsChaotic, "the run is strong enough: " + seen);
    }

    private static readonly string[] Keys = ["r/1", "r/2", "n/1", "n/2"];

    private bool IsEnough() =>
        _history.Count >= Most || (_history.Count >= Wanted && Volatile.Read(ref _conflicts) > 0 && (!_harness.IsChaotic || Volatile.Read(ref _unknown) > 5));

    private async Task WorkAsync(int worker)
    {
        // a busy machine starts them one after the other, and the first would be done before the second begins
        if (Interlocked.Increment(ref _here) == Workers)
        {
            _allAreHere.SetResult();
        }

        await _allAreHere.Task.ConfigureAwait(false);
        var random = new Random((_harness.Seed * 100) + worker);
        for (int i = 0; !IsEnough(); i++)
        {
            string key = Keys[random.Next(Keys.Length)];
            var action = random.Next(10) switch
            {
                < 5 => KeyAction.Read,
                _ when key[0] == 'n' => KeyAction.Increment,
                < 9 => KeyAction.Put,
                _ => KeyAction.Delete,
            };
            string value = action == KeyAction.Put ? string.Create(CultureInfo.InvariantCulture, $"w{worker}-{i}") : "";
            await DoAsync(worker, _stores[worker % 2], new(action, key, value)).ConfigureAwait(false);
        }
    }

    private async Task DoAsync(int worker, IStore store, KeyOperation operation)
    {
        long start = Interlocked.Increment(ref _sequence);
        string? result = null;
        bool isKnown = true;
        try
        {
            result = await AnswerAsync(store, operation).ConfigureAwait(false);
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

        _history.Enqueue(new(worker, start, isKnown ? Interlocked.Increment(ref _sequence) : long.MaxValue, operation, result, isKnown));
    }

    private async Task<string> AnswerAsync(IStore store, KeyOperation operation)
    {
        switch (operation.Action)
        {
            case KeyAction.Read:
                await Task.Yield();
                return await ReadAsync(store, operation.Key).ConfigureAwait(false) is { } found ? Encoding.ASCII.GetString(found.Value.Span) : "";
            case KeyAction.Put:
                await store.PutAsync(operation.Key, Encoding.ASCII.GetBytes(operation.Value)).ConfigureAwait(false);
                return "";
            case KeyAction.Delete:
                await store.DeleteAsync(operation.Key).ConfigureAwait(false);
                return "";
            default:
                while (true)
                {
                    var entry = await ReadAsync(store, operation.Key).ConfigureAwait(false);
                    await Task.Yield();
                    string next = KeyModel.Next(entry is null ? "" : Encoding.ASCII.GetString(entry.Value.Span));
                    if (await store.TryPutAsync(operation.Key, Encoding.ASCII.GetBytes(next), entry?.Revision ?? 0).ConfigureAwait(false) is not null)
                    {
                        return next;
                    }

                    Interlocked.Increment(ref _conflicts);
                }
        }
    }

    private static async Task<Entry?> ReadAsync(IStore store, string key) => await store.GetAsync(key).ConfigureAwait(false);
}
