using System.Globalization;
using Conclave.Bench;

// `bench/run` calls this once for each question, so that none inherits another's memory or compiled code
switch (args)
{
    case ["worker", .. var worker]:
        return await Worker.RunAsync(worker);
    case ["questions"]:
        Console.WriteLine(string.Join('\n', Questions.All.Select(q => string.Create(CultureInfo.InvariantCulture, $"{q.Name}\t{q.Minutes}\t{q.Asks}"))));
        return 0;
    case ["summary", var folder, .. var frontPage]:
        Summary.Write(folder, frontPage.FirstOrDefault());
        return 0;
    case ["compare", var folder, var earlier]:
        return Comparison.Run(folder, earlier);
    case ["answer", var name, var folder, .. var rest] when Questions.Get(name) is { } question:
        Effort.IsQuick = folder == "--quick";
        var machine = Machine.Now();
        long start = TimeProvider.System.GetTimestamp();
        Console.WriteLine($"## {question.Asks}\n\n{ResultRow.Header}");
        await question.AnswerAsync(rest);
        double minutes = TimeProvider.System.GetElapsedTime(start).TotalMinutes;
        Console.WriteLine(Report.Of($"\n{question.Name}: {minutes:0.0} minutes\n"));
        if (Effort.IsQuick)
        {
            Panel.Draw(Report.Panels);
        }
        else
        {
            Page.Write(folder, question, new(name, machine, [.. Report.Servers], Report.Settings, minutes, Report.Rows, Report.Figures), Report.Panels);
        }

        return 0;
    default:
        Console.Error.WriteLine("This program is started by bench/run.");
        return 64;
}
