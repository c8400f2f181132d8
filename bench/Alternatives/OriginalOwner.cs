using System.Security.Cryptography;
using System.Text;
using Conclave.Storage;

namespace Conclave.Alternatives;

/// <summary>
/// MostlyCorrectOwner as lakeFS has it (treeverse/lakeFS, pkg/distributed/mc_owner.go, v1.77.1), on the get and set-if of a store: to be
/// measured beside ours, and to share a key with ours in tests. Its weaknesses are kept: the interval of acquiring has no effect, a release
/// wakes nobody, expiries are compared with the local wall clock, the first failure of a get ends the refreshing, records stay.
/// </summary>
/// <param name="store">The store.</param>
/// <param name="keyOf">Where the record of a key is.</param>
/// <param name="acquireInterval">What its documentation says how often it reads.</param>
/// <param name="refreshInterval">For how long a record is good.</param>
/// <param name="time">Its clocks and timers.</param>
internal sealed class OriginalOwner(IStore store, Func<string, string> keyOf, TimeSpan acquireInterval, TimeSpan refreshInterval, TimeProvider time)
{
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _local = [];

    /// <summary>Waits for the key.</summary>
    /// <returns>What gives it up; to be called once.</returns>
    public async Task<Func<CancellationToken, Task>> OwnAsync(string owner, string key, CancellationToken cancellationToken = default)
    {
        await EnterAsync(key).WaitAsync(cancellationToken);
        owner = $"{owner}#{RandomNumberGenerator.GetString("_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 21)}";
        try
        {
            await AcquireAsync(owner, key, cancellationToken);
        }
        catch
        {
            Exit(key);
            throw;
        }

        var refreshing = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var refresher = RefreshAsync(owner, key, refreshing.Token);
        return async release =>
        {
            try
            {
                var (record, predicate) = await GetAsync(key, release);
                if (record?.Owner == owner)
                {
                    _ = await SetIfAsync(key, record with { Expires = null }, predicate, release);
                }
            }
            finally
            {
                await refreshing.CancelAsync();
                await refresher;
                refreshing.Dispose();
                Exit(key);
            }
        };
    }

    private async Task AcquireAsync(string owner, string key, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (record, predicate) = await GetAsync(key, cancellationToken);
            var now = time.GetUtcNow();
            if (record is null || (record.Expires ?? DateTimeOffset.UnixEpoch) < now)
            {
                record = new(owner, now + refreshInterval, $"{owner}@{now:yyyy-MM-dd HH:mm:ss.fffffff} +0000 UTC m=+0.000000001");
                if (await SetIfAsync(key, record, predicate, cancellationToken))
                {
                    return;
                }
            }

            // who has lost the race sleeps for as long as its own record would have been good
            var sleep = (record.Expires ?? DateTimeOffset.UnixEpoch) - now;
            if (sleep < TimeSpan.Zero)
            {
                sleep = acquireInterval * (2 + (RandomNumberGenerator.GetInt32(1000) / 1000.0)) / 3;
            }

            // a timer of .NET has whole milliseconds, and a record that expires now has not expired yet
            await Task.Delay(sleep > TimeSpan.FromMilliseconds(1) ? sleep : TimeSpan.FromMilliseconds(1), time, cancellationToken);
        }
    }

    private async Task RefreshAsync(string owner, string key, CancellationToken cancellationToken)
    {
        using var ticker = new PeriodicTimer(refreshInterval / 2, time);
        try
        {
            while (await ticker.WaitForNextTickAsync(cancellationToken))
            {
                var (record, predicate) = await GetAsync(key, cancellationToken);
                if (record?.Owner != owner)
                {
                    return;
                }

                try
                {
                    _ = await SetIfAsync(key, record with { Expires = time.GetUtcNow() + refreshInterval }, predicate, cancellationToken);
                }
                catch (ConclaveException)
                {
                    // keeps going, may lose
                }
            }
        }
        catch (Exception e) when (e is ConclaveException or OperationCanceledException)
        {
            // stops
        }
    }

    private async Task<(OriginalRecord? Record, long Predicate)> GetAsync(string key, CancellationToken cancellationToken)
    {
        var entry = await store.GetAsync(keyOf(key), cancellationToken);
        return entry is null ? (null, 0) : (OriginalRecord.Read(entry.Value.Span), entry.Revision);
    }

    private async Task<bool> SetIfAsync(string key, OriginalRecord record, long predicate, CancellationToken cancellationToken) =>
        await store.TryPutAsync(keyOf(key), record.Write(), predicate, cancellationToken: cancellationToken) is not null;

    private Task EnterAsync(string key)
    {
        lock (_local)
        {
            if (_local.TryAdd(key, []))
            {
                return Task.CompletedTask;
            }

            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _local[key].Enqueue(turn);
            return turn.Task;
        }
    }

    private void Exit(string key)
    {
        lock (_local)
        {
            if (_local[key].TryDequeue(out var next))
            {
                next.SetResult();
            }
            else
            {
                _local.Remove(key);
            }
        }
    }
}

/// <summary>Its record, encoded by hand: an encoding that is not ours, to compare ours with.</summary>
/// <param name="Owner">Field 1.</param>
/// <param name="Expires">Field 2; null is an empty timestamp.</param>
/// <param name="Comment">Field 3.</param>
internal sealed record OriginalRecord(string Owner, DateTimeOffset? Expires, string Comment)
{
    public byte[] Write()
    {
        var bytes = new List<byte>();
        Append(1, Encoding.UTF8.GetBytes(Owner));
        var timestamp = new List<byte>();
        if (Expires is { } expires)
        {
            long seconds = expires.ToUnixTimeSeconds();
            AppendNumber(timestamp, 1, (ulong)seconds);
            AppendNumber(timestamp, 2, (ulong)((expires - DateTimeOffset.FromUnixTimeSeconds(seconds)).Ticks * 100));
        }

        Append(2, [.. timestamp], always: true);
        Append(3, Encoding.UTF8.GetBytes(Comment));
        return [.. bytes];

        void Append(int field, byte[] value, bool always = false)
        {
            if (always || value.Length > 0)
            {
                bytes.Add((byte)((field << 3) | 2));
                AppendVarint(bytes, (ulong)value.Length);
                bytes.AddRange(value);
            }
        }
    }

    public static OriginalRecord Read(ReadOnlySpan<byte> bytes)
    {
        var (owner, comment) = ("", "");
        DateTimeOffset? expires = null;
        while (!bytes.IsEmpty)
        {
            int field = (int)(ReadVarint(ref bytes) >> 3);
            int length = (int)ReadVarint(ref bytes);
            var value = bytes[..length];
            bytes = bytes[length..];
            switch (field)
            {
                case 1: owner = Encoding.UTF8.GetString(value); break;
                case 2: expires = ReadTimestamp(value); break;
                case 3: comment = Encoding.UTF8.GetString(value); break;
                default: break;
            }
        }

        return new(owner, expires, comment);
    }

    private static DateTimeOffset? ReadTimestamp(ReadOnlySpan<byte> bytes)
    {
        var (seconds, nanos) = (0L, 0L);
        while (!bytes.IsEmpty)
        {
            bool isSeconds = ReadVarint(ref bytes) >> 3 == 1;
            long number = (long)ReadVarint(ref bytes);
            (seconds, nanos) = isSeconds ? (number, nanos) : (seconds, number);
        }

        return seconds == 0 && nanos == 0 ? null : DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanos / 100);
    }

    private static void AppendNumber(List<byte> bytes, int field, ulong number)
    {
        if (number != 0)
        {
            bytes.Add((byte)(field << 3));
            AppendVarint(bytes, number);
        }
    }

    private static void AppendVarint(List<byte> bytes, ulong number)
    {
        for (; number >= 0x80; number >>= 7)
        {
            bytes.Add((byte)(number | 0x80));
        }

        bytes.Add((byte)number);
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> bytes)
    {
        ulong number = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = bytes[0];
            bytes = bytes[1..];
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return number;
            }
        }
    }
}
