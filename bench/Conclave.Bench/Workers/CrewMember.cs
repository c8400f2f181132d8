using System.Globalization;
using Conclave.Alternatives;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>A lock of either kind, as one process uses it.</summary>
internal sealed class Contender : IAsyncDisposable
{
    private readonly ConclaveClient? _ours;
    private readonly HandWrittenLock? _hand;

    private Contender(ConclaveClient? ours, HandWrittenLock? hand) => (_ours, _hand) = (ours, hand);

    /// <param name="kind"><c>ours</c>, or <c>hand</c> and the pause between two tries in milliseconds.</param>
    /// <param name="uri">The store.</param>
    /// <param name="timeToLive">How long a dead holder is waited for.</param>
    public static async Task<Contender> ConnectAsync(string kind, string uri, TimeSpan timeToLive) => kind == "ours"
        ? new(WorkerProcess.Connect(uri, timeToLive), null)
        : new(null, await HandWrittenLock.ConnectAsync(StoreUri.Parse(uri), timeToLive, TimeSpan.FromMilliseconds(int.Parse(kind["hand".Length..], CultureInfo.InvariantCulture))));

    /// <summary>How many requests it sent, where it is written by hand.</summary>
    public long Requests => _hand?.Requests ?? 0;

    /// <summary>Waits for the name.</summary>
    /// <returns>Gives it back.</returns>
    public async Task<Func<Task>> TakeAsync(string name)
    {
        if (_ours is not null)
        {
            var claim = await _ours.Lock(name).AcquireAsync();
            return async () => await claim.DisposeAsync();
        }

        await _hand!.AcquireAsync(name);
        return () => _hand.ReleaseAsync(name);
    }

    public async ValueTask DisposeAsync()
    {
        if (_ours is not null)
        {
            await _ours.DisposeAsync();
        }

        if (_hand is not null)
        {
            await _hand.DisposeAsync();
        }
    }
}

/// <summary>
/// One of a hundred processes that are started once and do what they are told, line by line: connect, want a lock once, leave. So a question
/// with many processes costs their start once, and not for each engine and each count.
/// </summary>
internal static class CrewMember
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync()
    {
        var clock = new BootTimeProvider();
        var contenders = new Dictionary<string, Contender>();
        Console.WriteLine(clock.GetTimestamp());
        while (await Console.In.ReadLineAsync() is { } line)
        {
            string answer = "";
            switch (line.Split(' '))
            {
                case ["connect", var kind, var uri]:
                    contenders[kind] = await ConnectAsync(kind, uri);
                    break;
                case ["want", var kind, var name, var least, var jitter]:
                    answer = await WantAsync(clock, contenders[kind], name, int.Parse(least, CultureInfo.InvariantCulture), int.Parse(jitter, CultureInfo.InvariantCulture));
                    break;
                case ["leave"]:
                    foreach (var contender in contenders.Values)
                    {
                        await contender.DisposeAsync();
                    }

                    contenders.Clear();
                    break;
            }

            Console.WriteLine(answer);
        }

        return 0;
    }

    private static async Task<Contender> ConnectAsync(string kind, string uri)
    {
        // against somebody else: to wait and to be granted is what all of them will do, and has to be compiled by then
        string warm = $"warm/{Environment.ProcessId}";
        var contender = await Contender.ConnectAsync(kind, uri, TimeToLive);
        await using var rival = await Contender.ConnectAsync(kind, uri, TimeToLive);
        for (int i = 0; i < 3; i++)
        {
            var release = await rival.TakeAsync(warm);
            var next = contender.TakeAsync(warm);
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            await release();
            await (await next)();
        }

        return contender;
    }

    private static async Task<string> WantAsync(BootTimeProvider clock, Contender contender, string name, int least, int jitter)
    {
        long asked = clock.GetTimestamp();
        var release = await contender.TakeAsync(name);
        long granted = clock.GetTimestamp();
        await Task.Delay(TimeSpan.FromMilliseconds(least + (jitter * Random.Shared.NextDouble())), TimeProvider.System);
        long released = clock.GetTimestamp();
        await release();
        return string.Create(CultureInfo.InvariantCulture, $"{asked} {granted} {released}");
    }
}
