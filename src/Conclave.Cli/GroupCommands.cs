using System.Text;
using System.Text.Json;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary><c>conclave group list</c> and <c>watch</c>.</summary>
internal static class GroupCommands
{
    public static async Task<int> ListAsync(NameSettings settings, Messages messages)
    {
        var client = Looking.Client(settings.Global);
        await using (client.ConfigureAwait(false))
        {
            bool isAbsent = Looking.IsAbsent(client, messages);
            var members = isAbsent ? [] : await client.Group(settings.Name).GetMembersAsync().ConfigureAwait(false);
            if (settings.Global.Json)
            {
                var document = new GroupDocument(settings.Name, [.. members.Select(MemberDocument.Of)]);
                StandardStream.Out.Write(JsonSerializer.Serialize(document, CliJson.Document.GroupDocument) + "\n");
            }
            else if (members.IsEmpty && !isAbsent)
            {
                messages.Warn($"nobody is in the group '{settings.Name}'.");
            }
            else
            {
                StandardStream.Out.Write(string.Concat(members.Select(m => Line(m) + "\n")));
            }

            return ExitCode.Success;
        }
    }

    public static Task<int> WatchAsync(NameSettings settings, Messages messages) => Looking.WatchAsync(settings.Global, messages, async (client, time, cancellationToken) =>
    {
        await foreach (var change in client.Group(settings.Name).ObserveAsync(cancellationToken).ConfigureAwait(false))
        {
            string kind = change.Kind.ToString().ToLowerInvariant();
            StandardStream.Out.Write(settings.Global.Json
                ? JsonSerializer.Serialize(
                    new GroupChangeDocument(time.GetUtcNow().UtcDateTime, settings.Name, kind, MemberDocument.Of(change.Member)), CliJson.Rows.GroupChangeDocument) + "\n"
                : $"{Describe.When(time.GetUtcNow(), time)}  {kind,-7}  {Line(change.Member)}\n");
        }
    });

    private static string Line(Member member) => Messages.Printable($"{Encoding.UTF8.GetString(member.Payload.Span)}  {member.Id}");
}
