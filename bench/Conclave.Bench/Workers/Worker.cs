using System.Globalization;

namespace Conclave.Bench;

/// <summary>The processes that a question starts.</summary>
internal static class Worker
{
    public static async Task<int> RunAsync(string[] arguments) => arguments switch
    {
        ["crew"] => await CrewMember.RunAsync(),
        ["sqlite-handoff", var file, var name, var grants] => await SqliteHandOff.WorkAsync(file, name, Number(grants)),
        ["etcd-handoff", var host, var port, var name, var grants] => await EtcdHandOff.WorkAsync(host, Number(port), name, Number(grants)),
        ["waiters", var kind, var uri, var waiters] => await WaitersWorker.RunAsync(kind, uri, Number(waiters)),
        ["held", var kind, var uri, var sizes, var window] => await HeldWorker.RunAsync(kind, uri, sizes, Milliseconds(window)),
        ["renewal", var kind, var uri, var clients, var locks, var interval, var intervals] => await RenewalWorker.RunAsync(
            kind, uri, Number(clients), Number(locks), Milliseconds(interval), Number(intervals)),
        ["hold", var kind, var uri, var name, var timeToLive] => await LossWorker.HoldAsync(kind, uri, name, Milliseconds(timeToLive)),
        ["lead", var uri, var name] => await ToolWorker.LeadAsync(uri, name),
        ["permits", var uri, var name, var permits, var hold, var span] => await ToolWorker.UsePermitsAsync(uri, name, Number(permits), Milliseconds(hold), Milliseconds(span)),
        ["own", "burst", var kind, var uri, var key, var hold] => await OwnershipWorker.BurstAsync(kind, uri, key, Milliseconds(hold)),
        ["own", "loop", var kind, var uri, var key, var span] => await OwnershipWorker.LoopAsync(kind, uri, key, Milliseconds(span)),
        ["own", "update", var kind, var uri, var key, var span] => await OwnershipWorker.UpdateAsync(kind, uri, key, Milliseconds(span)),
        ["map", var uri, var name, var entries] => await MapBenchmark.WalkAsync(uri, name, Number(entries)),
        _ => throw new ArgumentException($"There is no worker '{string.Join(' ', arguments)}'.", nameof(arguments)),
    };

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static TimeSpan Milliseconds(string text) => TimeSpan.FromMilliseconds(Number(text));
}
