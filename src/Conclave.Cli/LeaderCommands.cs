using System.Text;
using System.Text.Json;
using Conclave.Cli.Output;
using Conclave.Cli.Processes;

namespace Conclave.Cli;

/// <summary><c>conclave leader show</c> and <c>watch</c>.</summary>
internal static class LeaderCommands
{
    public static async Task<int> ShowAsync(NameSettings settings, Messages messages)
    {
        var client = Looking.Client(settings.Global);
        await using (client.ConfigureAwait(false))
        {
            bool isAbsent = Looking.IsAbsent(client, messages);
            var leader = isAbsent ? null : await client.Election(settings.Name).GetLeaderAsync().ConfigureAwait(false);
            if (settings.Global.Json)
            {
                StandardStream.Out.Write(JsonSerializer.Serialize(LeaderDocument.Of(settings.Name, leader, TimeProvider.System.GetUtcNow().UtcDateTime), CliJson.Document.LeaderDocument) + "\n");
            }
            else if (leader is not null)
            {
                StandardStream.Out.Write(Line(leader) + "\n");
            }
            else if (!isAbsent)
            {
                messages.Warn($"nobody leads '{settings.Name}'.");
            }

            return leader is null ? ExitCode.NotAcquired : ExitCode.Success;
        }
    }

    public static Task<int> WatchAsync(NameSettings settings, Messages messages) => Looking.WatchAsync(settings.Global, messages, async (client, time, cancellationToken) =>
    {
        await foreach (var leader in client.Election(settings.Name).ObserveAsync(cancellationToken).ConfigureAwait(false))
        {
            StandardStream.Out.Write(settings.Global.Json
                ? JsonSerializer.Serialize(LeaderDocument.Of(settings.Name, leader, time.GetUtcNow().UtcDateTime), CliJson.Rows.LeaderDocument) + "\n"
                : $"{Describe.When(time.GetUtcNow(), time)}  {(leader is null ? "nobody" : Line(leader))}\n");
        }
    });

    private static string Line(LeaderInfo leader) =>
        Messages.Printable($"{Encoding.UTF8.GetString(leader.Value.Span)}  token {leader.Token}  {Describe.Who(leader.Leader)}");
}
