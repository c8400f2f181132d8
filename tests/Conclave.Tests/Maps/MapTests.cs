using System.Buffers;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Maps;

/// <summary>What the kit does not say about maps: types of keys and values, serializers, memory, cancellation.</summary>
public sealed partial class MapTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_map_is_read_and_changed_like_a_dictionary_that_all_processes_share()
    {
        await using var store = new MemoryStore();
        await using var one = new ConclaveClient(store, new() { LeaveStoreOpen = true });
        await using var two = new ConclaveClient(store, new() { LeaveStoreOpen = true });

        await one.Map<string, Order>("orders").SetAsync("42", new("Ada", 3), Cancellation);
        var order = await two.Map("orders", MapTestJson.Default.Order, new MapOptions<string>()).GetAsync("42", Cancellation);
        Assert.Equal(new Order("Ada", 3), order?.Value);
        var more = await two.Map<string, Order>("orders").UpdateAsync("42", o => o! with { Count = o.Count + 1 }, Cancellation);
        Assert.Equal(new Order("Ada", 4), more?.Value);
        Assert.True(more!.Revision > order!.Revision);
        Assert.Null(await one.Map<string, Order>("orders").UpdateAsync("42", _ => null, Cancellation));
        Assert.Null(await two.Map<string, Order>("orders").GetAsync("42", Cancellation));
    }

    [Fact]
    public async Task An_absent_struct_is_its_default_and_a_nullable_one_is_null()
    {
        await using var client = new ConclaveClient(new MemoryStore());
        var visits = client.Map<string, int>("visits");
        Assert.Equal(1, (await visits.UpdateAsync("a", n => n + 1, Cancellation))!.Value);
        var nullable = client.Map<string, int?>("visits");
        Assert.Equal(2, (await nullable.UpdateAsync("a", n => n is null ? -1 : n + 1, Cancellation))!.Value);
        Assert.Equal(-1, (await nullable.UpdateAsync("b", n => n is null ? -1 : n + 1, Cancellation))!.Value);
        Assert.Null(await nullable.UpdateAsync("b", _ => null, Cancellation));
        Assert.Equal(["a"], await visits.EnumerateAsync(Cancellation).Select(e => e.Key).ToListAsync(Cancellation));
    }

    [Fact]
    public async Task Numbers_of_any_size_stay_as_they_are()
    {
        await using var client = new ConclaveClient(new MemoryStore());
        await KeepsAsync(client, long.MaxValue, 9_007_199_254_740_993, "9007199254740993");
        await KeepsAsync<ulong>(client, 1, ulong.MaxValue, "18446744073709551615");
        await KeepsAsync(client, UInt128.One, UInt128.MaxValue, "340282366920938463463374607431768211455");
        await KeepsAsync(client, Int128.MaxValue, Int128.MinValue, "-170141183460469231731687303715884105728");
        await KeepsAsync(client, decimal.MaxValue, 1.10m, "1.10");
        await KeepsAsync(client, double.MaxValue, 0.1, "0.1");
        await KeepsAsync(client, BigInteger.Pow(10, 400), -BigInteger.Pow(10, 40), "-1" + new string('0', 40));
        await KeepsAsync(client, true, false, "false");
        await KeepsAsync(client, "5", "NQ==", "\"NQ==\"");
        await KeepsAsync(client, new Big(BigInteger.Pow(3, 300)), new Big(7), "{\"Number\":7}");
    }

    private static async Task KeepsAsync<T>(ConclaveClient client, T first, T second, string json)
        where T : notnull
    {
        var map = client.Map<string, T>(typeof(T).Name);
        await map.SetAsync("first", first, Cancellation);
        await map.SetAsync("second", second, Cancellation);
        Assert.Equal([first, second], await map.EnumerateAsync(Cancellation).Select(e => e.Value).ToListAsync(Cancellation));
        Assert.Equal(json, Encoding.UTF8.GetString((await client.Store.GetAsync($"map/{typeof(T).Name}/second", Cancellation))!.Value.Span));

        // the defect of the origin: what is only looked at is written back as something else
        long revision = (await map.GetAsync("second", Cancellation))!.Revision;
        Assert.Equal(0, await map.UpdateAllAsync(e => e.Value, Cancellation));
        Assert.Equal((second, revision), (await map.GetAsync("second", Cancellation)) is { } same ? (same.Value, same.Revision) : default);
        Assert.Equal(1, await map.UpdateAllAsync(e => e.Key == "second" ? first : e.Value, Cancellation));
        Assert.Equal([first, first], await map.EnumerateAsync(Cancellation).Select(e => e.Value).ToListAsync(Cancellation));
    }

    [Fact]
    public async Task A_big_integer_that_the_serializer_would_lose_is_refused()
    {
        await using var client = new ConclaveClient(new MemoryStore());
        Assert.Contains("BigIntegerJsonConverter", Assert.Throws<ArgumentException>(() => client.Map<string, BigInteger>("m", MapTestJson.Default.BigInteger)).Message, StringComparison.Ordinal);
        var map = client.Map<string, BigInteger>("m", ConvertingJson.Default.BigInteger);
        await map.SetAsync("k", BigInteger.Pow(7, 77), Cancellation);
        Assert.Equal(BigInteger.Pow(7, 77), (await map.GetAsync("k", Cancellation))!.Value);
        await client.Store.PutAsync("map/m/k", "1.5"u8.ToArray(), cancellationToken: Cancellation);
        await Assert.ThrowsAsync<StoreFormatException>(() => map.GetAsync("k", Cancellation).AsTask());
        await client.Store.PutAsync("map/m/k", "\"5\""u8.ToArray(), cancellationToken: Cancellation);
        await Assert.ThrowsAsync<StoreFormatException>(() => map.GetAsync("k", Cancellation).AsTask());
    }

    [Fact]
    public async Task Keys_of_every_type_are_enumerated_in_their_order()
    {
        await using var client = new ConclaveClient(new MemoryStore());
        await InOrderAsync<sbyte>(client, -128, -1, 0, 127);
        await InOrderAsync<byte>(client, 0, 9, 10, 255);
        await InOrderAsync<short>(client, short.MinValue, -10, -9, 0, short.MaxValue);
        await InOrderAsync<ushort>(client, 0, 9, 10, ushort.MaxValue);
        await InOrderAsync(client, int.MinValue, -100, -99, -1, 0, 1, 99, 100, int.MaxValue);
        await InOrderAsync<uint>(client, 0, 1, uint.MaxValue);
        await InOrderAsync<long>(client, long.MinValue, -1, 0, 1, long.MaxValue);
        await InOrderAsync<ulong>(client, 0, long.MaxValue, ulong.MaxValue);
        await InOrderAsync(client, new Guid("00000000-0000-0000-0000-000000000001"), new Guid("0000000a-0000-0000-0000-000000000000"), new Guid("ffffffff-0000-0000-0000-000000000000"));
        await InOrderAsync(client, "", "%", "%25", "/", "A", "a", "a b", "a/b", "Ä", "ä", "\uFFFD", "\U00010000");
        Assert.Contains("KeyFormat", Assert.Throws<ArgumentException>(() => client.Map<DayOfWeek, int>("m")).Message, StringComparison.Ordinal);
        Assert.Contains("KeyFormat", Assert.Throws<ArgumentException>(() => client.Map<double, int>("m")).Message, StringComparison.Ordinal);
    }

    private static async Task InOrderAsync<TKey>(ConclaveClient client, params TKey[] keys)
        where TKey : notnull
    {
        var map = client.Map<TKey, int>(typeof(TKey).Name);
        foreach (var key in keys.Reverse())
        {
            await map.SetAsync(key, 0, Cancellation);
        }

        Assert.Equal(keys, await map.EnumerateAsync(Cancellation).Select(e => e.Key).ToListAsync(Cancellation));
    }

    [Fact]
    public async Task Random_texts_come_back_as_they_were()
    {
        var random = new Random(11);
        string alphabet = "aZ%/ 2F5\u0000\n\u007f\u0085\u009fäß\uFFFD\u00e9€";
        for (int i = 0; i < 2000; i++)
        {
            string text = new([.. Enumerable.Range(0, random.Next(12)).Select(_ => alphabet[random.Next(alphabet.Length)])]);
            string escaped = MapKeys.Escape(text);
            Assert.Equal(text, MapKeys.Unescape(escaped));
            Assert.DoesNotContain(escaped, char.IsControl);
        }

        foreach (string wrong in (string[])["", "%2", "a%", "%G0", "%C3", "%FF", "%-1"])
        {
            Assert.Throws<FormatException>(() => MapKeys.Unescape(wrong));
        }

        // readable, but it is not what we would write: a second name for a key
        await using var client = new ConclaveClient(new MemoryStore());
        await client.Store.PutAsync("map/m/%61", "1"u8.ToArray(), cancellationToken: Cancellation);
        var entry = Assert.Single(await client.Map<string, int>("m").EnumerateAsync(Cancellation).ToListAsync(Cancellation));
        Assert.Contains("'map/m/%61'", Assert.Throws<StoreFormatException>(() => entry.Key).Message, StringComparison.Ordinal);
        Assert.Equal(1, entry.Value);
        Assert.Throws<StoreFormatException>(() => (_, _) = entry);
    }

    [Fact]
    public async Task A_serializer_and_a_format_of_keys_can_be_ones_own()
    {
        await using var client = new ConclaveClient(new MemoryStore());
        var map = client.Map<DateOnly, int>("days", new Hexadecimal(), new() { KeyFormat = new Days() });
        await map.SetAsync(new(2026, 11, 21), 255, Cancellation);
        await map.SetAsync(new(1999, 1, 2), 16, Cancellation);
        Assert.Equal("ff", Encoding.ASCII.GetString((await client.Store.GetAsync("map/days/2026-11-21", Cancellation))!.Value.Span));
        Assert.Equal([(new(1999, 1, 2), 16), (new(2026, 11, 21), 255)], await map.EnumerateAsync(Cancellation).Select(e => (e.Key, e.Value)).ToListAsync(Cancellation));
        await client.Store.PutAsync("map/days/2026-11-21", "xyz"u8.ToArray(), cancellationToken: Cancellation);
        var error = await Assert.ThrowsAsync<StoreFormatException>(() => map.GetAsync(new(2026, 11, 21), Cancellation).AsTask());
        Assert.IsType<FormatException>(error.InnerException);
        Assert.Contains("'2026-11-21'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Marks_of_changes_are_as_many_as_there_were_at_once_and_end_with_the_session()
    {
        await using var store = new MemoryStore();
        await using (var client = new ConclaveClient(store, new() { LeaveStoreOpen = true }))
        {
            var map = client.Map<int, int>("m");
            for (int i = 0; i < 50; i++)
            {
                await Task.WhenAll(Enumerable.Range(0, 4).Select(k => map.SetAsync(k, i, Cancellation).AsTask()));
            }

            Assert.InRange((await store.CommitAsync(new(reads: [Read.Scan("change/")]), Cancellation)).Reads[0].Length, 1, 4);
        }

        Assert.Empty((await store.CommitAsync(new(reads: [Read.Scan("change/")]), Cancellation)).Reads[0]);
        Assert.Equal(4, (await store.CommitAsync(new(reads: [Read.Scan("map/")]), Cancellation)).Reads[0].Length);
    }

    [Fact]
    public async Task An_enumeration_holds_a_page_and_not_the_map()
    {
        const int entries = 400, size = 100_000;
        var store = new GeneratedStore(entries, size);
        await using var client = new ConclaveClient(store);
        long live = 0;
        int count = 0;
        await foreach (var entry in client.Map<int, string>("m", MapTestJson.Default.String).EnumerateAsync(Cancellation))
        {
            count++;
            live = count % 100 == 0 ? Math.Max(live, GC.GetTotalMemory(forceFullCollection: true)) : live;
        }

        Assert.Equal(entries, count);
        Assert.True(store.LargestPage <= 64, $"a page had {store.LargestPage} entries");
        Assert.True(store.LargestLaterPage * size <= 2 << 20, $"a later page had {store.LargestLaterPage} entries of {size} bytes");
        Assert.True(live < (long)entries * size / 2, $"{live} bytes are alive in the middle of {(long)entries * size}");
    }

    [Fact]
    public async Task Small_entries_are_read_in_large_pages()
    {
        var store = new GeneratedStore(20_000, 10);
        await using var client = new ConclaveClient(store);
        Assert.Equal(20_000, await client.Map<int, string>("m", MapTestJson.Default.String).EnumerateAsync(Cancellation).CountAsync(Cancellation));
        Assert.InRange(store.Commits, 1, 10);
    }

    [Fact]
    public async Task Many_who_update_one_key_lose_no_update()
    {
        await using var store = new MemoryStore();
        var clients = Enumerable.Range(0, 5).Select(_ => new ConclaveClient(store, new() { LeaveStoreOpen = true })).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(async () =>
        {
            for (int n = 0; n < 10; n++)
            {
                await clients[i % 5].Map<string, int>("m").UpdateAsync("k", sum => sum + 1, Cancellation);
            }
        })));
        Assert.Equal(500, (await clients[0].Map<string, int>("m").GetAsync("k", Cancellation))!.Value);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task Who_is_refused_again_and_again_waits_longer_and_longer_by_the_clients_clock()
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStore(time);
        await using var other = new ConclaveClient(store, new() { LeaveStoreOpen = true });
        int calls = 0;
        int disturbed = 0;
        await using var between = new InterceptedStore(store)
        {
            OnCommit = async (transaction, next) =>
            {
                // somebody comes between, six times: after the value was made, and before it is put
                if (calls > disturbed && calls <= 6 && transaction.Writes.Any(w => w.Key == "map/m/k"))
                {
                    disturbed = calls;
                    await other.Map<string, int>("m").SetAsync("k", 100 * calls, Cancellation);
                }

                return await next();
            },
        };
        await using var client = new ConclaveClient(between, new() { TimeProvider = time, LeaveStoreOpen = true });
        var update = client.Map<string, int>("m").UpdateAsync(
            "k",
            sum =>
            {
                Interlocked.Increment(ref calls);
                return sum + 1;
            },
            Cancellation).AsTask();
        await Eventually.TrueAsync(() => calls == 2, "two changes are made at once");
        Assert.False(update.IsCompleted);
        var passed = TimeSpan.Zero;
        while (!update.IsCompleted)
        {
            passed += TimeSpan.FromMilliseconds(1);
            time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Cancellation);
        }

        Assert.Equal((601, 7), ((await update)!.Value, calls));
        Assert.True(passed >= TimeSpan.FromMilliseconds(31), $"five pauses, from 2 to 32 ms with up to half of jitter, took {passed}");
    }

    [Fact]
    public async Task Cancelling_an_enumeration_and_a_watch_ends_them_and_leaves_no_timer()
    {
        var time = new ManualTimeProvider();
        await using var client = new ConclaveClient(new MemoryStore(time), new() { TimeProvider = time });
        var map = client.Map<int, int>("m");
        foreach (int i in Enumerable.Range(0, 100))
        {
            await client.Store.PutAsync($"map/m/{i:D20}", "1"u8.ToArray(), cancellationToken: Cancellation);
        }

        using var cancel = new CancellationTokenSource();
        int seen = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var entry in map.EnumerateAsync(cancel.Token))
            {
                seen++;
                await cancel.CancelAsync();
            }
        });
        Assert.InRange(seen, 1, 64);
        using var end = new CancellationTokenSource();
        var watch = Task.Run(async () =>
        {
            await foreach (var change in map.ObserveAsync(end.Token))
            {
                Interlocked.Increment(ref seen);
            }
        });
        await Eventually.TrueAsync(() => Volatile.Read(ref seen) >= 100, "everything is told");
        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch);
        Assert.Equal(0, time.ArmedTimers);
    }

    [Fact]
    public async Task A_watch_ends_with_its_client_and_leaves_nothing()
    {
        var time = new ManualTimeProvider();
        var client = new ConclaveClient(new MemoryStore(time), new() { TimeProvider = time });
        var map = client.Map<int, int>("m");
        await map.SetAsync(1, 1, Cancellation);
        int told = 0;
        var watch = Task.Run(async () =>
        {
            await foreach (var change in map.ObserveAsync(CancellationToken.None))
            {
                Interlocked.Increment(ref told);
            }
        });
        await Eventually.TrueAsync(() => Volatile.Read(ref told) == 1, "the entry is told");
        await client.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => watch.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, time.ArmedTimers);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => map.SetAsync(1, 1).AsTask());
    }

    [Fact]
    public async Task A_change_names_its_key_also_when_it_cannot_be_read()
    {
        await using var client = new ConclaveClient(new MemoryStore());
        await client.Store.PutAsync("map/m/x", "1"u8.ToArray(), cancellationToken: Cancellation);
        await foreach (var change in client.Map<int, int>("m").ObserveAsync(Cancellation))
        {
            Assert.Equal((MapChangeKind.Set, "map/m/x"), (change.Kind, change.StoreKey));
            Assert.Throws<StoreFormatException>(() => change.Key);
            Assert.Equal(1, change.Entry!.Value);
            Assert.NotNull(change.Entry.Error);
            Assert.Equal($"Set map/m/x at revision {change.Revision}", change.ToString());
            break;
        }
    }

    internal sealed record Order(string Customer, int Count);

    internal sealed record Big(BigInteger Number);

    private sealed class Hexadecimal : IMapSerializer<int>
    {
        public void Serialize(int value, IBufferWriter<byte> writer) => writer.Write(Encoding.ASCII.GetBytes(value.ToString("x", CultureInfo.InvariantCulture)));

        public int Deserialize(ReadOnlyMemory<byte> bytes) => int.Parse(bytes.Span, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
    }

    private sealed class Days : IMapKeyFormat<DateOnly>
    {
        public string ToText(DateOnly key) => key.ToString("O", CultureInfo.InvariantCulture);

        public DateOnly FromText(string text) => DateOnly.ParseExact(text, "O", CultureInfo.InvariantCulture);
    }

    [JsonSerializable(typeof(Order))]
    [JsonSerializable(typeof(string))]
    [JsonSerializable(typeof(BigInteger))]
    internal sealed partial class MapTestJson : JsonSerializerContext;

    [JsonSerializable(typeof(BigInteger))]
    [JsonSourceGenerationOptions(Converters = [typeof(BigIntegerJsonConverter)])]
    internal sealed partial class ConvertingJson : JsonSerializerContext;
}
